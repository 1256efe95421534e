/** What can be done with an instance in which status; the API decides by the same rules. */

import type { ControlAction, InstanceStatus } from '#lib/api/schema.d.ts';

export type Action = ControlAction | 'update' | 'move' | 'delete';

const RESTING: InstanceStatus[] = ['running', 'stopped', 'failed'];
const FROM: Record<Action, InstanceStatus[]> = {
  start: ['stopped', 'failed'],
  stop: ['running', 'failed'],
  restart: ['running', 'failed'],
  update: RESTING,
  move: RESTING,
  delete: RESTING,
};

export function can(action: Action, status: InstanceStatus): boolean {
  return FROM[action].includes(status);
}

/** Whether an operation is at work on it. */
export function isChanging(status: InstanceStatus): boolean {
  return !RESTING.includes(status) && status !== 'removed';
}
