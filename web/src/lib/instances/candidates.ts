/** What stands in the way of a server, and whether somebody who names it may set it aside. */

import type { Candidate, ReasonCode } from '#lib/api/schema.d.ts';

const YIELDING: ReasonCode[] = ['cpu', 'taint', 'label'];

/** Whether a server that oCore would not pick can be named all the same. */
export function isYielding(server: Candidate): boolean {
  return typeof server.score !== 'number' && server.reasons.every(({ code }) => YIELDING.includes(code));
}
