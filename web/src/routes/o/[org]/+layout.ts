import { error, redirect } from '@sveltejs/kit';
import { current } from '#lib/session/current.svelte.ts';
import { recognize } from '#lib/session/session.ts';
import type { LayoutLoad } from './$types';

/** Nobody comes in here without being known, and without the organization being theirs. */
export const load: LayoutLoad = async ({ params, url, untrack }) => {
  const known = current.me !== undefined && current.slug === params.org;
  if (!known && !(await recognize(params.org))) {
    const back = untrack(() => url.pathname + url.search);
    redirect(307, `/login?next=${encodeURIComponent(back)}`);
  }
  if (!current.me?.organizations.some((of) => of.slug === params.org)) error(404);
  current.enter(params.org);
};
