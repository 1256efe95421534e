import { redirect } from '@sveltejs/kit';
import { current } from '#lib/session/current.svelte.ts';
import { recognize } from '#lib/session/session.ts';

/** Where links in mails lead that name no organization: to the one used last. */
export const load = async () => {
  if (!(await recognize())) redirect(307, '/login?next=/monitoring/alerts');
  redirect(307, current.slug ? `/o/${current.slug}/alerts` : '/account');
};
