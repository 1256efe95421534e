/** The roles of the organization. */

import { createList } from '#lib/api/list.ts';
import { api, body } from '#lib/api/client.ts';
import type { Role } from '#lib/api/schema.d.ts';
import { current } from '#lib/session/current.svelte.ts';

export function createRoles() {
  return createList<Role>(() => ({
    key: ['roles', 'list'],
    page: (cursor) => body(api.GET('/api/roles', { params: { query: { limit: 200, cursor } } })),
    enabled: current.may('view:roles'),
  }));
}

/** The owner's is handed over with the organization, and given in no other way. */
export function isOwners(role: Role): boolean {
  return role.isSystem && role.name === 'Owner';
}
