/** Which organization an alert is of: links in mails name none. */

import { headers } from '#lib/api/client.ts';
import { Fault } from '#lib/api/fault.ts';
import { current } from '#lib/session/current.svelte.ts';

/** The organization with this alert: the one used last is asked first, then the person's others. */
export async function organizationOf(id: string): Promise<string | undefined> {
  const all = (current.me?.organizations ?? []).map((of) => of.slug);
  const slugs = [
    ...all.filter((slug) => slug === current.slug),
    ...all.filter((slug) => slug !== current.slug),
  ];
  for (const slug of slugs) {
    const answer = await fetch(`/api/monitoring/alerts/events/${encodeURIComponent(id)}`, {
      headers: { ...headers(), 'X-Org-Slug': slug },
    }).catch(() => {
      throw Fault.unreachable();
    });
    if (answer.ok) return slug;
    if (answer.status >= 500) throw await Fault.of(answer);
  }
  return undefined;
}
