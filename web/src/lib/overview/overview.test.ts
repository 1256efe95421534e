import { describe, expect, it } from 'vitest';
import type { Operation } from '#lib/api/schema.d.ts';
import { leftToMend } from './left.ts';
import { inOrder } from './order.ts';

const now = Date.parse('2026-06-02T12:00:00Z');
function failed(id: string, more: Partial<Operation> = {}): Operation {
  return {
    id,
    state: 'failed',
    kind: 'instance_update',
    subjectId: id,
    steps: [],
    attempt: 1,
    createdAt: '2026-06-02T11:00:00Z',
    finishedAt: '2026-06-02T11:05:00Z',
    ...more,
  };
}
const left = (of: Operation[]) => leftToMend(of, now).map((operation) => operation.id);

describe('what is left to mend', () => {
  it('is what failed within a day', () => {
    expect(left([failed('a'), failed('b', { finishedAt: '2026-06-01T11:59:00Z' })])).toEqual(['a']);
    expect(left([failed('a', { state: 'done' }), failed('b', { state: 'rolled_back' })])).toEqual(['b']);
  });

  it('is not what was done again, whatever became of that', () => {
    expect(left([failed('again', { retryOf: 'a', state: 'running' }), failed('a')])).toEqual([]);
  });

  it('is not what another one of its kind came after', () => {
    const same = { subjectId: 's' };
    expect(left([failed('new', { ...same, state: 'done' }), failed('old', same)])).toEqual([]);
    expect(
      left([failed('new', { ...same, state: 'done', kind: 'instance_stop' }), failed('old', same)]),
    ).toEqual(['old']);
  });
});

describe('counts', () => {
  it('stand in the order given, and what is new to this page last', () => {
    const counts = [
      { of: 'new', count: 1 },
      { of: 'x', count: 2 },
      { of: 'y', count: 3 },
    ];
    expect(inOrder(counts, ({ of }) => of, ['z', 'y', 'x'])).toEqual([
      ['y', 3],
      ['x', 2],
      ['new', 1],
    ]);
  });
});
