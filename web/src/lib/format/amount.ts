/** Amounts for people. */

import { language, locale } from '#lib/messages/index.ts';

const UNITS = {
  en: ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'],
  fr: ['o', 'Kio', 'Mio', 'Gio', 'Tio', 'Pio'],
};

/** "3.2 GiB". */
export function bytes(amount: number | null | undefined): string {
  if (amount === null || amount === undefined) return '–';
  const units = UNITS[language()];
  let value = amount;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${number(value, unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** Making one is dear: one for each way of writing. */
const formats = new Map<string, Intl.NumberFormat>();

function format(digits: number): Intl.NumberFormat {
  const key = `${locale()} ${digits}`;
  const known = formats.get(key) ?? new Intl.NumberFormat(locale(), { maximumFractionDigits: digits });
  formats.set(key, known);
  return known;
}

export function number(value: number, digits = 0): string {
  // Written alike everywhere, and the most frequent by far.
  if (Number.isInteger(value) && value >= 0 && value < 1_000) return String(value);
  return format(digits).format(value);
}

/** "42 %", from 0 to 100. */
export function percent(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined) return '–';
  // With a space in every language, as oCore's own messages say it.
  return `${number(value, digits)}\u00a0%`;
}

/** "1.5 CPU", from thousandths. */
export function cpus(millis: number | null | undefined): string {
  return millis === null || millis === undefined ? '–' : `${number(millis / 1000, 2)} CPU`;
}
