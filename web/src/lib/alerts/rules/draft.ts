/** A rule while it is being written. */

import type {
  AlertRule,
  CreateAlertRule,
  Metric,
  Operator,
  Severity,
  UpdateAlertRule,
} from '#lib/api/schema.d.ts';
import { METRICS } from '../metrics.ts';
import type { AlertSeverity } from '#lib/api/schema.d.ts';

export interface Draft {
  name: string;
  metric: Metric;
  operator: Operator;
  /** As typed. */
  threshold: string;
  /** As typed; empty: the threshold. */
  clearThreshold: string;
  minutes: string;
  severity: AlertSeverity;
  enabled: boolean;
  serverIds: string[];
  instanceIds: string[];
}

export function newDraft(): Draft {
  return {
    name: '',
    metric: 'cpuUsagePercent',
    operator: 'gt',
    threshold: '90',
    clearThreshold: '80',
    minutes: '10',
    severity: 'warning',
    enabled: true,
    serverIds: [],
    instanceIds: [],
  };
}

export function draftOf(rule: AlertRule): Draft {
  return {
    name: rule.name,
    metric: rule.metric,
    operator: rule.operator,
    threshold: String(rule.threshold),
    clearThreshold: String(rule.clearThreshold),
    minutes: String(rule.minutes),
    severity: rule.severity,
    enabled: rule.enabled,
    serverIds: rule.serverIds ?? [],
    instanceIds: rule.instanceIds ?? [],
  };
}

/** A number as people type it; undefined when it is none. */
export function figure(typed: string): number | undefined {
  const text = typed.trim().replace(',', '.');
  const value = Number(text);
  return text === '' || !Number.isFinite(value) ? undefined : value;
}

/** A list that limits a rule: none limits nothing. */
const limit = (ids: string[]) => (ids.length ? ids : null);

/** What both take. A state takes no threshold. */
function terms(draft: Draft) {
  const isState = METRICS[draft.metric].judged === 'state';
  const threshold = figure(draft.threshold);
  return {
    name: draft.name.trim(),
    minutes: figure(draft.minutes),
    severity: draft.severity as Severity,
    enabled: draft.enabled,
    serverIds: limit(draft.serverIds),
    instanceIds: METRICS[draft.metric].subject === 'instance' ? limit(draft.instanceIds) : null,
    ...(isState
      ? {}
      : {
          operator: draft.operator,
          threshold,
          clearThreshold: figure(draft.clearThreshold) ?? threshold,
        }),
  };
}

export function toCreate(draft: Draft): CreateAlertRule {
  return { ...terms(draft), metric: draft.metric };
}

export function toUpdate(draft: Draft): UpdateAlertRule {
  return terms(draft);
}

/** The draft as a rule, for its sentence. */
export function termsOf(draft: Draft) {
  const threshold = figure(draft.threshold) ?? 0;
  return {
    metric: draft.metric,
    operator: draft.operator,
    threshold,
    clearThreshold: figure(draft.clearThreshold) ?? threshold,
    minutes: figure(draft.minutes) ?? 0,
    serverIds: limit(draft.serverIds),
    instanceIds: limit(draft.instanceIds),
  };
}
