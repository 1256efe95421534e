import { afterEach, expect, test, vi } from 'vitest';

const spoken = vi.hoisted(() => ({ language: 'en', locale: 'en-GB' }));
vi.mock('#lib/messages/index.ts', () => ({
  language: () => spoken.language,
  locale: () => spoken.locale,
}));

import { bytes, percent } from './amount';
import { duration, exact, period } from './time';

/** Spaces differ by language, and so does how they break lines. */
const plain = (text: string) => text.replace(/\s/g, ' ');
const french = () => Object.assign(spoken, { language: 'fr', locale: 'fr-FR' });
afterEach(() => void Object.assign(spoken, { language: 'en', locale: 'en-GB' }));

test('durations leave out what is nothing, and never tell sixty seconds', () => {
  const said = (seconds: number) => plain(duration(seconds * 1000));
  expect([0.02, 1.25, 9.96, 59.4, 59.9].map(said)).toEqual(['20 ms', '1.3 s', '10 s', '59 s', '1 min']);
  expect([61, 119.7, 3_600, 3_660].map(said)).toEqual(['1 min 1 s', '2 min', '1 h', '1 h 1 min']);
  expect([86_400, 172_800, 176_400].map(said)).toEqual(['24 h', '2 d', '2 d 1 h']);
  french();
  expect([1.25, 176_400].map(said)).toEqual(['1,3 s', '2 j 1 h']);
});

test('periods, shares and amounts are in the language', () => {
  const said = () => [period('24h'), period('7d'), percent(99.95, 1), bytes(1.5 * 2 ** 30)].map(plain);
  expect(said()).toEqual(['24h', '7d', '100 %', '1.5 GiB']);
  french();
  expect(said()).toEqual(['24h', '7j', '100 %', '1,5 Gio']);
  expect(period('ever')).toBe('ever');
});

test('dates are written as in the country of the browser', () => {
  const at = new Date(2026, 10, 30, 14, 5);
  expect(exact(at)).toMatch(/^30 Nov 2026, 14:05:00/);
  spoken.locale = 'en-US';
  expect(plain(exact(at))).toMatch(/^Nov 30, 2026, 2:05:00 PM/);
});
