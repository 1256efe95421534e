/** The organization and its settings, each with the tag that a change of it bears. */

import { createQuery } from '@tanstack/svelte-query';
import { api } from '#lib/api/client.ts';
import type { Organization, OrganizationSettings } from '#lib/api/schema.d.ts';

export interface Tagged<T> {
  data: T;
  etag: string;
}

/** An answer with the tag it bears. */
export async function tagged<T>(answer: Promise<{ data?: T; response: Response }>): Promise<Tagged<T>> {
  const { data, response } = await answer;
  return { data: data as T, etag: response.headers.get('etag') ?? '' };
}

export const readOrganization = () => tagged<Organization>(api.GET('/api/org'));
export const readSettings = () => tagged<OrganizationSettings>(api.GET('/api/org/settings'));

export const createOrganization = () =>
  createQuery(() => ({ queryKey: ['organization', 'itself'], queryFn: readOrganization }));
export const createSettings = () =>
  createQuery(() => ({ queryKey: ['organization', 'settings'], queryFn: readSettings }));
