/** Times for people, in their own zone and language. */

import { locale } from '#lib/messages/index.ts';
import { number } from './amount.ts';

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** Making one is dear, and lists tell many times: one for each language. */
const relative = new Map<string, Intl.RelativeTimeFormat>();

function relativeIn(locale: string): Intl.RelativeTimeFormat {
  const known = relative.get(locale) ?? new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  relative.set(locale, known);
  return known;
}

/** "3 minutes ago". */
export function ago(at: Date, now: number): string {
  const seconds = (at.getTime() - now) / 1000;
  const [unit, length] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  return relativeIn(locale()).format(Math.round(seconds / length), unit);
}

/** The exact time, with its zone. */
export function exact(at: Date): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'long' }).format(at);
}

/** "7d", as the API names a period, in words of the language. */
export function period(name: string): string {
  const [, count, unit] = /^(\d+)([hd])$/.exec(name) ?? [];
  if (!count) return name;
  const style = { style: 'unit', unit: unit === 'h' ? 'hour' : 'day', unitDisplay: 'narrow' } as const;
  return new Intl.NumberFormat(locale(), style).format(Number(count));
}

/** How the language shortens a day: "d", "j". */
function day(): string {
  const style = { style: 'unit', unit: 'day', unitDisplay: 'narrow' } as const;
  const parts = new Intl.NumberFormat(locale(), style).formatToParts(2);
  return parts.find((part) => part.type === 'unit')?.value.trim() ?? 'd';
}

/** Whole ones, and what is over of the smaller: "2 h 5 min", "2 h". */
const over = (whole: string, rest: number, unit: string) => (rest ? `${whole} ${rest} ${unit}` : whole);

/** "1 min 20 s", from milliseconds. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${number(ms / 1_000, ms < 9_950 ? 1 : 0)} s`;
  const seconds = Math.round(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return over(`${minutes} min`, seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return over(`${hours} h`, minutes % 60, 'min');
  return over(`${Math.floor(hours / 24)}\u00a0${day()}`, hours % 24, 'h');
}
