/** How bad an alert is. */

import type { Tone } from '#lib/ui/Badge.svelte';

/** The API's description knows `Severity` of advice only, which has no `info`; alerts have it. */
export type AlertSeverity = 'info' | 'warning' | 'critical';

/** The worst first. */
export const SEVERITIES: AlertSeverity[] = ['critical', 'warning', 'info'];

export const TONES: Record<AlertSeverity, Tone> = { critical: 'bad', warning: 'warn', info: 'info' };
