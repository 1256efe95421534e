/** What rules watch: of what, how it is judged, and what stands behind a value. The same as `ocore_domain::alerts::Metric`. */

import type { Metric, SubjectKind } from '#lib/api/schema.d.ts';
import { number } from '#lib/format/amount.ts';
import { t } from '#lib/messages/index.ts';

/** Averaged over the minutes, added up over them, or a state that lasts as long. */
export type Judged = 'average' | 'sum' | 'state';

interface About {
  subject: SubjectKind;
  judged: Judged;
  unit: string;
}

const average = (subject: SubjectKind, unit = '%'): About => ({ subject, judged: 'average', unit });
const sum = (subject: SubjectKind): About => ({ subject, judged: 'sum', unit: '' });
const state = (subject: SubjectKind): About => ({ subject, judged: 'state', unit: '' });

export const METRICS: Record<Metric, About> = {
  cpuUsagePercent: average('server'),
  cpuStealPercent: average('server'),
  cpuIowaitPercent: average('server'),
  cpuLoad1m: average('server', ''),
  cpuLoad5m: average('server', ''),
  cpuLoad15m: average('server', ''),
  ramUsagePercent: average('server'),
  swapUsagePercent: average('server'),
  diskUsagePercent: average('server'),
  inodesUsedPercent: average('server'),
  diskAwaitMs: average('server', 'ms'),
  pressureCpuPercent: average('server'),
  pressureMemoryPercent: average('server'),
  pressureIoPercent: average('server'),
  pgConnectionsPercent: average('server'),
  pgLongestQuerySeconds: average('server', 's'),
  pgWaitingLocks: average('server', ''),
  serverOomKills: sum('server'),
  serverUnreachable: state('server'),
  sshUnreachable: state('server'),
  dockerUnavailable: state('server'),
  agentSilent: state('server'),
  instanceCpuPercent: average('instance'),
  instanceMemoryPercent: average('instance'),
  instanceThrottledPercent: average('instance'),
  cronLagSeconds: average('instance', 's'),
  longestRequestMs: average('instance', 'ms'),
  instanceOomKills: sum('instance'),
  instanceDown: state('instance'),
  instanceUnhealthy: state('instance'),
};

export function isMetric(name: string): name is Metric {
  return name in METRICS;
}

/** "CPU in use". */
export function metricTitle(metric: string): string {
  return isMetric(metric) ? t(`alerts:metric.${metric}`) : metric;
}

/** "97.2 %". */
export function withUnit(metric: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  const unit = isMetric(metric) ? METRICS[metric].unit : '';
  return `${number(value, 1)}${unit ? `\u00a0${unit}` : ''}`;
}
