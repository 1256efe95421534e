/** Which failures somebody still has to look at. */

import type { Operation } from '#lib/api/schema.d.ts';
import { endedBadly } from '#lib/operations/phase.ts';

const DAY = 24 * 3_600_000;

/**
 * Of operations, newest first: those that failed within a day and were neither done again nor followed by another one of
 * their kind on the same thing.
 */
export function leftToMend(operations: Operation[], now: number): Operation[] {
  const retried = new Set(operations.flatMap((of) => (of.retryOf ? [of.retryOf] : [])));
  return operations.filter((of, index) => {
    if (!endedBadly(of) || retried.has(of.id)) return false;
    if (now - Date.parse(of.finishedAt ?? of.createdAt) > DAY) return false;
    const newer = operations.slice(0, index);
    return !newer.some(
      (other) => other.subjectId && other.subjectId === of.subjectId && other.kind === of.kind,
    );
  });
}
