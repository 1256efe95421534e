import { expect, it } from 'vitest';
import { verifyAll } from './verify';

const part = { valid: true, entries: 100, firstSeq: 1, lastSeq: 250, head: 'h' };

it('goes on until the end, and stops at the first wrong entry', async () => {
  const asked: unknown[] = [];
  const parts = [
    { ...part, next: { after: 100, hash: 'a' } },
    { ...part, next: { after: 200, hash: 'b' } },
    { ...part, entries: 50 },
  ];
  const whole = await verifyAll(
    { verify: async (from) => (asked.push(from), parts[asked.length - 1]!) },
    () => {},
  );
  expect(whole.entries).toBe(250);
  expect(asked).toEqual([{}, { after: 100, hash: 'a' }, { after: 200, hash: 'b' }]);

  const broken = { ...part, valid: false, broken: { seq: 7, why: 'x' }, next: { after: 100, hash: 'a' } };
  expect((await verifyAll({ verify: async () => broken }, () => {})).broken?.seq).toBe(7);
});
