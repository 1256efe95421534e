/** Where an operation stands, and what may be done about it. */

import type { Operation, OperationState, Step } from '#lib/api/schema.d.ts';
import { current } from '#lib/session/current.svelte.ts';

/** Every state, those under way first. */
export const STATES: OperationState[] = [
  'queued',
  'running',
  'undoing',
  'done',
  'failed',
  'rolled_back',
  'cancelled',
];

/** The states of what has not ended. */
export const OPEN: OperationState[] = ['running', 'undoing', 'queued'];

export function hasEnded(of: Pick<Operation, 'state'>): boolean {
  return !OPEN.includes(of.state);
}

/** Whether it ended as nobody wanted. */
export function endedBadly(of: Pick<Operation, 'state'>): boolean {
  return of.state === 'failed' || of.state === 'rolled_back';
}

/** The step that is at work, or the one that failed. */
export function stepNow(of: Pick<Operation, 'steps'>): Step | undefined {
  const at = (...states: Step['state'][]) => of.steps.find((step) => states.includes(step.state));
  return at('running', 'undoing') ?? at('undo_failed', 'failed');
}

/** How long it has run, or ran, in milliseconds; undefined before it has begun. */
export function elapsed(of: Pick<Operation, 'startedAt' | 'finishedAt'>, now: number): number | undefined {
  if (!of.startedAt) return undefined;
  const end = of.finishedAt ? Date.parse(of.finishedAt) : now;
  return Math.max(0, end - Date.parse(of.startedAt));
}

/** Whether somebody may stop it or do it again: it takes the right to do to its subject what it does. */
export function mayAct(of: Pick<Operation, 'subjectKind'>): boolean {
  if (!current.may('manage:operations')) return false;
  if (of.subjectKind === 'organization') return current.me?.organization?.isOwner ?? false;
  return current.may(of.subjectKind === 'server' ? 'manage:servers' : 'manage:instances');
}

export function canCancel(of: Operation): boolean {
  return (of.state === 'queued' || of.state === 'running') && !of.cancelRequestedAt && mayAct(of);
}

export function canRetry(of: Operation): boolean {
  return hasEnded(of) && of.state !== 'done' && mayAct(of);
}
