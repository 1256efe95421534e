import { redirect } from '@sveltejs/kit';
import { api, body } from '#lib/api/client.ts';
import { recognize } from '#lib/session/session.ts';
import { current } from '#lib/session/current.svelte.ts';

/** Where one begins: the first start, the login, or the organization used last. */
export const load = async () => {
  if (await recognize()) redirect(307, current.slug ? `/o/${current.slug}` : '/account');
  const setup = await body(api.GET('/api/auth/setup'));
  redirect(307, setup.needsFirstAccount ? '/start' : '/login');
};
