import { describe, expect, it } from 'vitest';
import type { Operation } from '#lib/api/schema.d.ts';
import { Endings } from './endings.ts';

function operation(id: string, state: Operation['state']): Operation {
  return { id, state, kind: 'instance_stop', steps: [], attempt: 1, createdAt: '2026-01-01T00:00:00Z' };
}
const ids = (of: Operation[]) => of.map((operation) => operation.id);

// What had ended before the page was opened is told by the bell, not by a toast.
describe('endings', () => {
  it('are not told of what had ended before', () => {
    const endings = new Endings();
    expect(endings.take([operation('a', 'done')], []).ended).toEqual([]);
  });

  it('are told once', () => {
    const endings = new Endings();
    endings.take([operation('a', 'running')], [operation('a', 'running')]);
    expect(ids(endings.take([operation('a', 'failed')], []).ended)).toEqual(['a']);
    expect(endings.take([operation('a', 'failed')], []).ended).toEqual([]);
  });

  it('are told of one that began and ended between two looks', () => {
    const endings = new Endings();
    endings.take([operation('a', 'done')], []);
    expect(ids(endings.take([operation('b', 'done'), operation('a', 'done')], []).ended)).toEqual(['b']);
  });

  it('follow one that an older answer still calls running', () => {
    const endings = new Endings();
    endings.take([operation('a', 'running')], [operation('a', 'running')]);
    // The newest ones are asked for after those under way: they know better.
    expect(ids(endings.take([operation('a', 'done')], [operation('a', 'running')]).ended)).toEqual(['a']);
  });

  it('name what newer ones have pushed out', () => {
    const endings = new Endings();
    endings.take([], [operation('old', 'running')]);
    expect(endings.take([operation('new', 'running')], []).vanished).toEqual(['old']);
  });
});
