/** Every address within the dashboard. */

import { current } from '#lib/session/current.svelte.ts';

/** A page of the organization: `within('servers', id)`. */
export function within(...parts: string[]): string {
  return ['/o', current.slug ?? '', ...parts].join('/');
}

/** The page of something that an operation, an alert or a record is about; undefined where it has none. */
export function about(kind: string | null | undefined, id: string | null | undefined): string | undefined {
  if (!id) return undefined;
  if (kind === 'server') return within('servers', id);
  if (kind === 'instance') return within('instances', id);
  if (kind === 'operation') return within('operations', id);
  return undefined;
}
