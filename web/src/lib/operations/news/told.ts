/** What oCore tells a person, and where that leads. */

import type { MyOrganization, Notification } from '#lib/api/schema.d.ts';

/** The page of what a notification is about. Its own address is for mails, and names no organization; the notification does. */
export function notificationHref(
  of: Pick<Notification, 'url' | 'organizationId'>,
  organizations: Pick<MyOrganization, 'id' | 'slug'>[],
): string {
  const slug = organizations.find((organization) => organization.id === of.organizationId)?.slug;
  const alert = /\/monitoring\/alerts\/([0-9a-f-]{36})$/i.exec(of.url ?? '')?.[1];
  if (slug) return `/o/${slug}/alerts${alert ? `/${alert}` : ''}`;
  return `/monitoring/alerts${alert ? `/${alert}` : ''}`;
}
