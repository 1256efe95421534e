import { describe, expect, it } from 'vitest';
import { Fault } from '#lib/api/fault.ts';
import { each, type Outcome } from './bulk';

const pause = () => new Promise((resolve) => setTimeout(resolve, 1));

describe('each', () => {
  it('does all, never more than so many at once, and goes on after a refusal', async () => {
    let running = 0;
    let most = 0;
    const told: Outcome<number>[] = [];
    await each(
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
      4,
      async (of) => {
        most = Math.max(most, ++running);
        await pause();
        running -= 1;
        if (of === 3) throw new Fault(409, 'state_conflict', 'no');
        return `operation ${of}`;
      },
      (outcome) => told.push(outcome),
    );
    expect(most).toBe(4);
    expect(told.map((outcome) => outcome.of).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(told.filter((outcome) => 'fault' in outcome)).toMatchObject([
      { of: 3, fault: { code: 'state_conflict' } },
    ]);
  });

  it('begins none after it was stopped', async () => {
    const stop = new AbortController();
    const begun: number[] = [];
    await each(
      [1, 2, 3, 4],
      1,
      async (of) => {
        begun.push(of);
        if (of === 2) stop.abort();
        return '';
      },
      () => undefined,
      stop.signal,
    );
    expect(begun).toEqual([1, 2]);
  });
});
