/** How bad an alert is. */

import type { AlertSeverity } from '#lib/api/schema.d.ts';
import type { Tone } from '#lib/ui/Badge.svelte';

/** The worst first. */
export const SEVERITIES: AlertSeverity[] = ['critical', 'warning', 'info'];

export const TONES: Record<AlertSeverity, Tone> = { critical: 'bad', warning: 'warn', info: 'info' };
