/** Labels and taints, as they are typed: one a line, `key=value`. */

import type { Taint } from '#lib/api/schema.d.ts';

function lines(text: string): [string, string | undefined][] {
  return text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, undefined] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    });
}

/** Labels need a value; one without is named, or it would be lost in silence. */
export function labelsIn(text: string): { labels: Record<string, string>; without?: string } {
  const all = lines(text);
  return {
    labels: Object.fromEntries(all.map(([key, value]) => [key, value ?? ''])),
    without: all.find(([, value]) => value === undefined)?.[0],
  };
}

export function taintsIn(text: string): Taint[] {
  return lines(text).map(([key, value]) => (value ? { key, value } : { key }));
}

export function labelText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n');
}

export function taintText(taints: readonly Taint[]): string {
  return taints.map(({ key, value }) => (value ? `${key}=${value}` : key)).join('\n');
}
