/** How the states of things look and are called. */

import type {
  Health,
  InstanceStatus,
  OperationState,
  ServerStatus,
  Severity,
  StepState,
} from '#lib/api/schema.d.ts';
import type { Tone } from './Badge.svelte';

type Look = { tone: Tone; moving?: boolean };

export const OPERATION: Record<OperationState, Look> = {
  queued: { tone: 'plain', moving: true },
  running: { tone: 'info', moving: true },
  undoing: { tone: 'warn', moving: true },
  done: { tone: 'good' },
  rolled_back: { tone: 'bad' },
  cancelled: { tone: 'plain' },
  failed: { tone: 'bad' },
};

export const SERVER: Record<ServerStatus, Look> = {
  validating: { tone: 'info', moving: true },
  active: { tone: 'good' },
  unreachable: { tone: 'bad' },
  failed: { tone: 'bad' },
  removing: { tone: 'warn', moving: true },
  removed: { tone: 'plain' },
};

export const INSTANCE: Record<InstanceStatus, Look> = {
  creating: { tone: 'info', moving: true },
  running: { tone: 'good' },
  starting: { tone: 'info', moving: true },
  stopping: { tone: 'warn', moving: true },
  stopped: { tone: 'plain' },
  restarting: { tone: 'info', moving: true },
  updating: { tone: 'info', moving: true },
  moving: { tone: 'info', moving: true },
  failed: { tone: 'bad' },
  removing: { tone: 'warn', moving: true },
  removed: { tone: 'plain' },
};

export const HEALTH: Record<Health, Look> = {
  unknown: { tone: 'plain' },
  healthy: { tone: 'good' },
  unhealthy: { tone: 'warn' },
  down: { tone: 'bad' },
};

export const SEVERITY: Record<Severity, Look> = {
  warning: { tone: 'warn' },
  critical: { tone: 'bad' },
};

export const STEP: Record<StepState, Look> = {
  pending: { tone: 'plain' },
  running: { tone: 'info', moving: true },
  done: { tone: 'good' },
  failed: { tone: 'bad' },
  undoing: { tone: 'warn', moving: true },
  undone: { tone: 'plain' },
  undo_failed: { tone: 'bad' },
};
