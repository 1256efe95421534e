/** The same for many, a few at once. */

import { Fault } from '#lib/api/fault.ts';

export type Outcome<T> = { of: T; operationId: string } | { of: T; fault: Fault };

/** Does the work for each, at most so many at once, and tells each outcome as it comes. After `signal` none is begun. */
export async function each<T>(
  all: T[],
  atOnce: number,
  work: (of: T) => Promise<string>,
  tell: (outcome: Outcome<T>) => void,
  signal?: AbortSignal,
): Promise<void> {
  const waiting = all.values();
  const lane = async () => {
    for (const of of waiting) {
      if (signal?.aborted) return;
      try {
        tell({ of, operationId: await work(of) });
      } catch (error) {
        tell({ of, fault: Fault.from(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
