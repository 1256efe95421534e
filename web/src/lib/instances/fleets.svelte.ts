/** The fleet that pages show: the same for all of them, for as long as one is in the organization. */

import { createQuery, useQueryClient } from '@tanstack/svelte-query';
import { current } from '#lib/session/current.svelte.ts';
import { Fleet } from './fleet.svelte';
import { say } from './words';

/** To be called while a component is made. */
export function useFleet(): Fleet {
  const queries = useQueryClient();
  const key = ['fleet', current.slug];
  // Kept among the queries, so that it is forgotten with them: at the sign-out, and in another organization.
  const fleet = queries.getQueryData<Fleet>(key) ?? new Fleet(say);
  queries.setQueryData(key, fleet);
  // Says only that something changed: how the list is read again, and how often, is the fleet's own business.
  const change = createQuery(() => ({
    queryKey: ['instances', 'changed'],
    queryFn: () => Date.now(),
    staleTime: 0,
    gcTime: 0,
  }));
  $effect(() => {
    if (change.data) fleet.refresh();
  });
  return fleet;
}
