/** Which operations ended while this page was open: by comparing what is told with what was told before. */

import type { Operation } from '#lib/api/schema.d.ts';
import { hasEnded } from '../phase.ts';

export class Endings {
  #open = new Set<string>();
  #known: Set<string> | undefined;

  /**
   * Takes what is known now: the newest operations, and all that have not ended. Answers those that ended since, and the ids of
   * those that are in neither any more: they ended, and too many newer ones came.
   */
  take(recent: Operation[], open: Operation[]): { ended: Operation[]; vanished: string[] } {
    const all = new Map([...open, ...recent].map((of) => [of.id, of]));
    const ended = [...all.values()].filter(
      // One that is new here and has ended already was short.
      (of) => hasEnded(of) && (this.#open.has(of.id) || (this.#known && !this.#known.has(of.id))),
    );
    const vanished = [...this.#open].filter((id) => !all.has(id));
    this.#open = new Set([...all.values()].filter((of) => !hasEnded(of)).map((of) => of.id));
    this.#known = new Set([...(this.#known ?? []), ...all.keys()]);
    return { ended, vanished };
  }
}
