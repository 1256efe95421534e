/** Amounts for people. */

import { language } from '#lib/messages/index.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** "3.2 GiB". */
export function bytes(amount: number | null | undefined): string {
  if (amount === null || amount === undefined) return '–';
  let value = amount;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${number(value, unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** Making one is dear: one for each way of writing. */
const formats = new Map<string, Intl.NumberFormat>();

function format(style: 'decimal' | 'percent', digits: number): Intl.NumberFormat {
  const key = `${language()} ${style} ${digits}`;
  const known =
    formats.get(key) ?? new Intl.NumberFormat(language(), { style, maximumFractionDigits: digits });
  formats.set(key, known);
  return known;
}

export function number(value: number, digits = 0): string {
  // Written alike everywhere, and the most frequent by far.
  if (Number.isInteger(value) && value >= 0 && value < 1_000) return String(value);
  return format('decimal', digits).format(value);
}

/** "42 %", from 0 to 100. */
export function percent(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined) return '–';
  return format('percent', digits).format(value / 100);
}

/** "1.5 CPU", from thousandths. */
export function cpus(millis: number | null | undefined): string {
  return millis === null || millis === undefined ? '–' : `${number(millis / 1000, 2)} CPU`;
}
