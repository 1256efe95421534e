/** The difference of two texts as lines to be shown. */

import type { Change } from 'diff';

export interface Piece {
  sign: '+' | '-' | ' ' | '…';
  text: string;
}

/** Lines around what changed that are shown too. */
const AROUND = 2;

/** What is compared: text as it is, all else as JSON with its keys in order. */
export function asLines(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  return JSON.stringify(ordered(value), null, 2);
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, of]) => [key, ordered(of)]));
}

/** The lines of the changes; of what stayed the same only what is near to one. */
export function pieces(changes: Change[]): Piece[] {
  if (changes.every((change) => !change.added && !change.removed)) return [];
  return changes.flatMap((change, at) => {
    const lines = change.value.replace(/\n$/, '').split('\n');
    const sign = change.added ? '+' : change.removed ? '-' : ' ';
    const all = lines.map((text): Piece => ({ sign, text }));
    if (sign !== ' ') return all;
    const head = at === 0 ? 0 : AROUND;
    const tail = at === changes.length - 1 ? 0 : AROUND;
    if (all.length <= head + tail + 1) return all;
    return [
      ...all.slice(0, head),
      { sign: '…', text: '' } satisfies Piece,
      ...(tail ? all.slice(-tail) : []),
    ];
  });
}
