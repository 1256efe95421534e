import { error, redirect } from '@sveltejs/kit';
import { organizationOf } from '#lib/alerts/find.ts';
import { recognize } from '#lib/session/session.ts';
import type { PageLoad } from './$types';

/** Where links in mails lead: to the alert, in whichever of the person's organizations it is. */
export const load: PageLoad = async ({ params, url }) => {
  if (!(await recognize())) redirect(307, `/login?next=${encodeURIComponent(url.pathname)}`);
  const slug = await organizationOf(params.id);
  if (!slug) error(404);
  redirect(307, `/o/${slug}/alerts/${params.id}`);
};
