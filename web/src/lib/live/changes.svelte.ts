/** What changed in the organization, told by the server: whatever is shown of it is asked for anew. */

import type { QueryClient } from '@tanstack/svelte-query';
import { freshener } from './freshen';
import { reviewed } from '#lib/session/session.ts';
import { follow } from './sse';

class Connection {
  /** Whether oCore answers. */
  alive = $state(true);
}

export const connection = new Connection();

/** What says what somebody may do. */
const GRANTING = ['members', 'roles'];

/**
 * Listens for changes. The first part of a query's key is its topic, such as `instances`; a change makes all queries of its
 * topics stale. After a cut everything is, since nobody knows what was missed.
 */
export function listen(queries: QueryClient): () => void {
  let wasCut = false;
  const freshen = freshener(queries);
  return follow({
    url: () => '/api/events',
    on: (event) => {
      if (event.event === 'hello' && wasCut) {
        wasCut = false;
        void queries.invalidateQueries();
        void reviewed();
      }
      if (event.event === 'changed') {
        const { topics } = JSON.parse(event.data) as { topics: string[] };
        freshen((query) => topics.includes(String(query.queryKey[0])));
        if (topics.some((topic) => GRANTING.includes(topic))) void reviewed();
      }
    },
    onConnected: (alive) => {
      connection.alive = alive;
      wasCut ||= !alive;
    },
  });
}
