/** All instances of the organization, kept up to date without anything flickering. */

import { api, body } from '#lib/api/client.ts';
import { Fault } from '#lib/api/fault.ts';
import type { Instance } from '#lib/api/schema.d.ts';
import { byId, distinct, kept, rowOf, type Row, type Say } from './row';
import { walk, type Part } from './walk';

/** The most that are held. */
export const MOST = 10_000;
const PAGE = 200;
/** Pages that are asked for at once. */
const AT_ONCE = 4;
/** The least pause between two readings, in milliseconds; for large fleets it grows with what a reading takes. */
const PAUSE = 300;

export class Fleet {
  rows = $state.raw<Row[]>([]);
  /** Whether all were read at least once. */
  complete = $state(false);
  /** There are more than are held. */
  truncated = $state(false);
  fault = $state.raw<Fault>();
  #say: Say;
  #parts: Part<Row>[] = [];
  #reading = false;
  #again = false;

  constructor(say: Say) {
    this.#say = say;
  }

  /** Reads all anew. Whoever asks meanwhile is served by one more reading after this one, however many they are. */
  refresh() {
    this.#again = true;
    if (!this.#reading) void this.#run();
  }

  async #run() {
    this.#reading = true;
    while (this.#again) {
      this.#again = false;
      const began = performance.now();
      try {
        await this.#read();
        this.fault = undefined;
      } catch (error) {
        // What was known stays.
        this.fault = Fault.from(error);
      }
      const took = performance.now() - began;
      await new Promise((resolve) => setTimeout(resolve, Math.max(PAUSE, 2 * took)));
      await shown();
    }
    this.#reading = false;
  }

  async #read() {
    const before = byId(this.rows);
    const { parts, more } = await walk<Row>({
      known: this.#parts,
      atOnce: AT_ONCE,
      most: MOST / PAGE,
      part: async (cursor) => {
        // By creation: what is made meanwhile comes last and moves nothing.
        const query = { limit: PAGE, cursor, sort: 'createdAt' } as const;
        const page = await body(api.GET('/api/instances', { params: { query } }));
        const rows = page.data.map((instance: Instance) => rowOf(instance, this.#say));
        return { rows: kept(before, rows), next: page.hasMore ? (page.nextCursor ?? undefined) : undefined };
      },
      // The first time they come in one by one; later they are exchanged at once.
      progress: this.complete ? undefined : (parts) => this.#show(parts),
    });
    this.#parts = parts;
    this.#show(parts);
    this.complete = true;
    this.truncated = more;
  }

  #show(parts: Part<Row>[]) {
    this.rows = distinct(parts.flatMap((part) => part.rows));
  }
}

/** Nobody needs the list of a page that nobody sees. */
async function shown() {
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }));
  }
}
