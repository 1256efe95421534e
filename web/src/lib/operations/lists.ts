/** Operations in lists. */

import { createQuery } from '@tanstack/svelte-query';
import type { Operation } from '#lib/api/schema.d.ts';
import { api, body } from '#lib/api/client.ts';
import { current } from '#lib/session/current.svelte.ts';
import { OPEN } from './phase.ts';

/** As many of each state are asked for; the API takes one state at a time. */
const MOST = 50;

/** Those that have not ended: at work first, then what waits. */
export function createOpen() {
  return createQuery(() => ({
    queryKey: ['operations', 'open'],
    queryFn: async (): Promise<Operation[]> => {
      const pages = await Promise.all(
        OPEN.map((state) => body(api.GET('/api/operations', { params: { query: { state, limit: MOST } } }))),
      );
      // One that goes on from a state to the next between two answers is in both.
      const byId = new Map(pages.flatMap((page) => page.data).map((of) => [of.id, of]));
      return [...byId.values()];
    },
    enabled: current.may('view:operations'),
  }));
}

/** The newest ones, whatever became of them. */
export function createRecent() {
  return createQuery(() => ({
    queryKey: ['operations', 'recent'],
    queryFn: async (): Promise<Operation[]> =>
      (await body(api.GET('/api/operations', { params: { query: { limit: MOST } } }))).data,
    enabled: current.may('view:operations'),
  }));
}
