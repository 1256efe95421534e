/** The pages of an organization, as the menu and the palette show them. */

import Bell from '@lucide/svelte/icons/bell-ring';
import Boxes from '@lucide/svelte/icons/boxes';
import Key from '@lucide/svelte/icons/key-round';
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard';
import ListChecks from '@lucide/svelte/icons/list-checks';
import ScrollText from '@lucide/svelte/icons/scroll-text';
import Server from '@lucide/svelte/icons/server';
import Settings from '@lucide/svelte/icons/settings';
import Shield from '@lucide/svelte/icons/shield-check';
import Users from '@lucide/svelte/icons/users';
import type { Component } from 'svelte';
import type { Permission } from '#lib/api/schema.d.ts';
import { within } from '#lib/links.ts';
import { t } from '#lib/messages/index.ts';
import { current } from '#lib/session/current.svelte.ts';

export interface Page {
  label: string;
  href: string;
  icon: Component<{ class?: string; 'aria-hidden'?: 'true' }>;
}

/** What somebody sees of the menu: only what they may look at. */
export function pages(): { work: Page[]; organization: Page[] } {
  const page = (label: string, path: string[], icon: Page['icon'], needs?: Permission) =>
    !needs || current.may(needs) ? [{ label, href: within(...path), icon }] : [];
  return {
    work: [
      ...page(t('common:nav.overview'), [], LayoutDashboard),
      ...page(t('common:nav.servers'), ['servers'], Server, 'view:servers'),
      ...page(t('common:nav.instances'), ['instances'], Boxes, 'view:instances'),
      ...page(t('common:nav.operations'), ['operations'], ListChecks, 'view:operations'),
      ...page(t('common:nav.alerts'), ['alerts'], Bell, 'view:monitoring'),
    ],
    organization: [
      ...page(t('common:nav.members'), ['members'], Users, 'view:members'),
      ...page(t('common:nav.roles'), ['roles'], Shield, 'view:roles'),
      ...page(t('common:nav.keys'), ['api-keys'], Key, 'view:api_keys'),
      ...page(t('common:nav.audit'), ['audit'], ScrollText, 'view:audit_logs'),
      ...page(t('common:nav.settings'), ['settings'], Settings, 'view:organization'),
    ],
  };
}
