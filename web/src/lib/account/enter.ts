/** Going into an organization that one has just come into. */

import { goto } from '$app/navigation';
import { current } from '#lib/session/current.svelte.ts';

export async function enter(slug: string): Promise<void> {
  // Who they are there is asked for anew.
  current.me = undefined;
  await goto(`/o/${slug}`, { refreshAll: true });
}
