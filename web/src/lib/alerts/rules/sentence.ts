/** A rule in a sentence. */

import type { AlertRule } from '#lib/api/schema.d.ts';
import { t } from '#lib/messages/index.ts';
import { METRICS, metricTitle, withUnit } from '../metrics.ts';

type Terms = Pick<
  AlertRule,
  'metric' | 'operator' | 'threshold' | 'clearThreshold' | 'minutes' | 'serverIds' | 'instanceIds'
>;

/** "CPU in use above 90 % on average over 10 minutes; clears at 80 %. Of all servers." */
export function sentence(of: Terms): string {
  return `${when(of)} ${ofWhat(of)}`;
}

function when(of: Terms): string {
  const { judged, subject } = METRICS[of.metric];
  const metric = metricTitle(of.metric);
  if (judged === 'state') return t(`alerts:sentence.state_${subject}`, { state: metric, count: of.minutes });
  return t(`alerts:sentence.${judged}`, {
    metric,
    operator: t(`alerts:operator.${of.operator}`),
    threshold: withUnit(of.metric, of.threshold),
    clear: withUnit(of.metric, of.clearThreshold),
    count: of.minutes,
  });
}

function ofWhat(of: Terms): string {
  const parts = [
    of.instanceIds && t('alerts:sentence.ofInstances', { count: of.instanceIds.length }),
    of.serverIds && t('alerts:sentence.ofServers', { count: of.serverIds.length }),
  ].filter(Boolean);
  return parts.length ? parts.join(' ') : t(`alerts:sentence.all_${METRICS[of.metric].subject}`);
}
