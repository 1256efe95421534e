/** Signing in and out, as far as every page is concerned. */

import type { QueryClient } from '@tanstack/svelte-query';
import { dropAhead } from '#lib/api/ahead.ts';
import { api, body } from '#lib/api/client.ts';
import { Fault } from '#lib/api/fault.ts';
import { current } from './current.svelte';

/** Finds out who uses this page, and in which organization; false when nobody is signed in. */
export async function recognize(slug?: string): Promise<boolean> {
  try {
    if (slug) current.slug = slug;
    let me = await body(api.GET('/api/auth/me'));
    if (!current.slug || !me.organizations.some((of) => of.slug === current.slug)) {
      current.slug = current.first(me);
      // What they may do depends on the organization.
      if (current.slug) me = await body(api.GET('/api/auth/me'));
    }
    current.me = me;
    return true;
  } catch (error) {
    const fault = Fault.from(error);
    if (fault.status !== 401) throw fault;
    dropAhead();
    current.me = undefined;
    return false;
  }
}

/** Reads again what they may do here: pages offer what they may from then on. Who is in it no more is told by the next answer. */
export async function reviewed(): Promise<void> {
  const me = await body(api.GET('/api/auth/me')).catch(() => undefined);
  if (me?.organizations.some((of) => of.slug === current.slug)) current.me = me;
}

/** Signs out and forgets what was shown. */
export async function leave(queries: QueryClient): Promise<void> {
  await api.POST('/api/auth/logout').catch(() => undefined);
  current.me = undefined;
  dropAhead();
  queries.clear();
}
