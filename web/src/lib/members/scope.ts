/** To which part of the organization somebody is kept. */

import type { Scope } from '#lib/api/schema.d.ts';
import { t } from '#lib/messages/index.ts';

export const ENVIRONMENTS = ['production', 'staging', 'development'] as const;

/** In few words; undefined where there is no limit. */
export function scopeWords(scope: Scope | null | undefined): string | undefined {
  const parts = [
    scope?.servers && t('access:scope.servers', { count: scope.servers.length }),
    scope?.instances && t('access:scope.instances', { count: scope.instances.length }),
    scope?.environments?.map((of) => t(`access:environment.${of}`)).join(', '),
  ].filter(Boolean);
  return parts.length ? parts.join(' · ') : undefined;
}

/** Without lists that name nothing; null when none is left. */
export function scopeOf(scope: Scope): Scope | null {
  const lists = Object.entries(scope).filter(([, list]) => list?.length);
  return lists.length ? (Object.fromEntries(lists) as Scope) : null;
}
