/** Who may see pages outside of organizations. */

import { redirect } from '@sveltejs/kit';
import { current } from '#lib/session/current.svelte.ts';
import { recognize } from '#lib/session/session.ts';

/** Goes on for who is signed in; everybody else signs in first and comes back. */
export async function mustBeKnown(url: URL): Promise<void> {
  if (current.me || (await recognize())) return;
  redirect(307, `/login?next=${encodeURIComponent(url.pathname + url.search)}`);
}
