import { error } from '@sveltejs/kit';
import { mustBeKnown } from '#lib/account/known.ts';
import { current } from '#lib/session/current.svelte.ts';
import type { LayoutLoad } from './$types';

/** Only who administers the installation sees these pages; for others there is nothing here. */
export const load: LayoutLoad = async ({ url, untrack }) => {
  await untrack(() => mustBeKnown(url));
  if (!current.user?.isServerAdmin) error(404);
};
