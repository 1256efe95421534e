/** What a key permits, in few words. */

import type { Permission } from '#lib/api/schema.d.ts';
import { t } from '#lib/messages/index.ts';
import { RESOURCES, levelOf } from '#lib/roles/permissions.ts';

/** "Servers: view, Instances: manage". */
export function permissionWords(permissions: readonly Permission[]): string {
  return RESOURCES.flatMap((resource) => {
    const level = levelOf(permissions, resource);
    return level === 'none' ? [] : [`${t(`access:resource.${resource}`)}: ${t(`access:level.${level}`)}`];
  }).join(', ');
}
