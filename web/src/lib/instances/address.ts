/** Filters and order as they stand in the address. */

import { ALL, FACETS, readSort, writeSort, type Sort, type Wanted } from './filter';

export function readQuery(query: Pick<URLSearchParams, 'get'>): { wanted: Wanted; sort: Sort } {
  const wanted = { ...ALL, search: query.get('q') ?? '' };
  for (const facet of FACETS) wanted[facet] = query.get(facet) ?? '';
  return { wanted, sort: readSort(query.get('sort')) };
}

/** Only what differs from the plain list is said. */
export function writeQuery(wanted: Wanted, sort: Sort): string {
  const query = new URLSearchParams();
  const search = wanted.search.trim();
  if (search) query.set('q', search);
  for (const facet of FACETS) if (wanted[facet]) query.set(facet, wanted[facet]);
  const order = writeSort(sort);
  if (order !== 'name') query.set('sort', order);
  return query.toString();
}
