/** The list's filter, as the address says it. */

import type { ServerStatus } from '#lib/api/schema.d.ts';
import { STATUSES } from './queries';

export const SORTS = ['name', '-name', 'lastSeenAt', '-lastSeenAt', '-createdAt', 'createdAt'] as const;
export type Sort = (typeof SORTS)[number];

export interface Filter {
  search?: string;
  status?: ServerStatus;
  sort: Sort;
}

/** What an address asks for; what it says wrongly is left out. */
export function filterOf(said: Pick<URLSearchParams, 'get'>): Filter {
  return {
    search: said.get('search')?.trim() || undefined,
    status: STATUSES.find((status) => status === said.get('status')),
    sort: SORTS.find((sort) => sort === said.get('sort')) ?? 'name',
  };
}

/** The address's part for a filter; what is as usual is not said. */
export function said(filter: Filter): string {
  const out = new URLSearchParams();
  if (filter.search) out.set('search', filter.search);
  if (filter.status) out.set('status', filter.status);
  if (filter.sort !== 'name') out.set('sort', filter.sort);
  const text = out.toString();
  return text ? `?${text}` : '';
}
