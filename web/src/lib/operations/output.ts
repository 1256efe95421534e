/** The lines of an operation as text. */

import type { Event as Line, Level } from '#lib/api/schema.d.ts';

/** How a line looks, by how much it matters. */
export const LOOKS: Record<Level, string> = {
  output: 'text-muted',
  info: 'text-text',
  warn: 'text-warn',
  error: 'text-bad',
};

/** As it is copied or saved: time, level, text. */
export function asText(lines: Line[]): string {
  return lines.map((line) => `${line.at} ${line.level.toUpperCase().padEnd(6)} ${line.line}\n`).join('');
}

/** Gives the browser a file to save. */
export function save(name: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
