/** What the API's words for instances are called. */

import type { EnvironmentType } from '#lib/api/schema.d.ts';
import { t } from '#lib/messages/index.ts';
import type { Say } from './row';

export function environment(of: EnvironmentType): string {
  return t(`instances:environment.${of}`);
}

/** As `Row` needs it. */
export const say: Say = (of, value) =>
  of === 'environment'
    ? environment(value as EnvironmentType)
    : t(`common:state.${of === 'status' ? 'instance' : 'health'}.${value}` as 'common:state.health.healthy');
