/** What a role or a key permits, as people read it: for each kind of thing nothing, to view it, or to manage it. */

import type { Permission, Resource } from '#lib/api/schema.d.ts';

export const RESOURCES = [
  'servers',
  'instances',
  'backups',
  'operations',
  'monitoring',
  'organization',
  'members',
  'roles',
  'api_keys',
  'audit_logs',
] as const satisfies readonly Resource[];

export const LEVELS = ['none', 'view', 'manage'] as const;
export type Level = (typeof LEVELS)[number];

const OF_THE_WHOLE: ReadonlySet<Resource> = new Set<Resource>([
  'organization',
  'members',
  'roles',
  'api_keys',
  'audit_logs',
]);

/** Whether it is the organization's as a whole: who is kept to a part of it holds nothing of that. */
export function isOfTheWhole(resource: Resource): boolean {
  return OF_THE_WHOLE.has(resource);
}

export function levelOf(permissions: readonly Permission[], resource: Resource): Level {
  if (permissions.includes(`manage:${resource}`)) return 'manage';
  return permissions.includes(`view:${resource}`) ? 'view' : 'none';
}

/** The permissions with another level for one kind of thing. To manage implies to view. */
export function withLevel(
  permissions: readonly Permission[],
  resource: Resource,
  level: Level,
): Permission[] {
  const others = permissions.filter((of) => of !== `view:${resource}` && of !== `manage:${resource}`);
  return level === 'none' ? others : [...others, `${level}:${resource}`];
}
