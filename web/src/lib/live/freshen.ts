/** Makes queries stale one by one, however fast changes come. */

import type { Query, QueryClient } from '@tanstack/svelte-query';

/**
 * A query that is being asked is let come to its end, and asked once more then: were it begun anew at each change, a list that
 * takes longer than changes are apart would never be shown.
 */
export function freshener(queries: QueryClient): (wanted: (query: Query) => boolean) => void {
  const waiting = new Set<string>();

  async function freshen(query: Query) {
    if (waiting.has(query.queryHash)) return;
    waiting.add(query.queryHash);
    if (query.state.fetchStatus === 'fetching') await query.promise?.catch(() => undefined);
    waiting.delete(query.queryHash);
    await queries.invalidateQueries({ queryKey: query.queryKey, exact: true });
  }

  return (wanted) => {
    for (const query of queries.getQueryCache().findAll({ predicate: wanted })) void freshen(query);
  };
}
