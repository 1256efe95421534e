import { expect, it } from 'vitest';
import { expiryOf } from './expiry';

it('counts days from now, and ends a day with the day', () => {
  const now = new Date('2026-11-29T12:00:00Z');
  expect(expiryOf('30', '', now)).toBe('2026-12-29T12:00:00.000Z');
  expect(expiryOf('never', '2026-12-01', now)).toBeUndefined();
  expect(expiryOf('date', '', now)).toBeUndefined();
  const end = new Date(expiryOf('date', '2026-12-01', now) ?? 0);
  expect([end.getDate(), end.getHours(), end.getMinutes()]).toEqual([1, 23, 59]);
});
