/** What the server of an instance should be like, as it is typed. */

import type { Preferences } from '#lib/api/schema.d.ts';

export interface Typed {
  country: string;
  region: string;
  /** `disk=nvme, rack=3`. */
  labels: string;
  /** `gpu, zone=old`. */
  tolerations: string;
}

export const ANYWHERE: Typed = { country: '', region: '', labels: '', tolerations: '' };

function pairs(text: string): [string, string | undefined][] {
  return text
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [part, undefined] : [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    });
}

/** A label without a value cannot be demanded. */
export function labelsFault(typed: Typed): boolean {
  return pairs(typed.labels).some(([key, value]) => !key || !value);
}

export function preferencesOf(typed: Typed): Preferences {
  return {
    country: typed.country.trim().toUpperCase() || undefined,
    region: typed.region.trim() || undefined,
    labels: Object.fromEntries(pairs(typed.labels).map(([key, value]) => [key, value ?? ''])),
    tolerations: pairs(typed.tolerations).map(([key, value]) => ({ key, value })),
  };
}
