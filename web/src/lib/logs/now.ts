import { clockTime } from '#lib/operations/moment.ts';

/** The time of day. */
export function now(): string {
  return clockTime(new Date().toISOString());
}
