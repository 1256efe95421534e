/** What a key permits, in few words. */

import type { Permission } from '#lib/api/schema.d.ts';
import { t } from '#lib/messages/index.ts';
import { RESOURCES, levelOf } from '#lib/roles/permissions.ts';

/** "manage: Instances · view: Servers, Backups". */
export function permissionWords(permissions: readonly Permission[]): string {
  return (['manage', 'view'] as const)
    .flatMap((level) => {
      const of = RESOURCES.filter((resource) => levelOf(permissions, resource) === level);
      if (of.length === RESOURCES.length) return [t(`access:permissions.all.${level}`)];
      if (of.length === 0) return [];
      const names = of.map((resource) => t(`access:resource.${resource}`)).join(', ');
      return [`${t(`access:level.${level}`)}: ${names}`];
    })
    .join(' · ');
}
