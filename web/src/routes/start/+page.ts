import { redirect } from '@sveltejs/kit';
import { api, body } from '#lib/api/client.ts';
import { current } from '#lib/session/current.svelte.ts';
import { recognize } from '#lib/session/session.ts';
import type { PageLoad } from './$types';

/** Whoever comes back goes on where they left: nobody has an account, nobody is signed in, or there is something to be done. */
export const load: PageLoad = async () => {
  if (await recognize()) {
    if (!current.slug) redirect(307, '/account');
    current.enter(current.slug);
    return { needsAccount: false };
  }
  const setup = await body(api.GET('/api/auth/setup'));
  if (!setup.needsFirstAccount) redirect(307, `/login?next=${encodeURIComponent('/start')}`);
  return { needsAccount: true };
};
