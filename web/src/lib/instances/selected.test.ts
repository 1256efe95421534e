import { describe, expect, it } from 'vitest';
import { readQuery, writeQuery } from './address';
import { allTurned, NONE, turned } from './selected';

const shown = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }));
const of = (...ids: string[]) => new Set(ids);

describe('selection', () => {
  it('turns one over', () => {
    expect(turned(NONE, 'b', shown)).toEqual(of('b'));
    expect(turned(of('a', 'b'), 'b', shown)).toEqual(of('a'));
  });

  it('takes a range in either direction, and lets it go again', () => {
    expect(turned(of('b'), 'd', shown, 'b')).toEqual(of('b', 'c', 'd'));
    expect(turned(of('d'), 'b', shown, 'd')).toEqual(of('b', 'c', 'd'));
    expect(turned(of('a', 'b', 'c'), 'c', shown, 'b')).toEqual(of('a'));
    // Where the range began is not shown any more.
    expect(turned(of('x'), 'd', shown, 'x')).toEqual(of('x', 'd'));
  });

  it('takes all that are shown, and keeps what is not', () => {
    const all = allTurned(of('x', 'b'), shown);
    expect(all).toEqual(of('x', 'a', 'b', 'c', 'd', 'e'));
    expect(allTurned(all, shown)).toEqual(of('x'));
  });
});

describe('address', () => {
  it('says what is looked at, and nothing of what is plain', () => {
    const query = 'q=shop+web1&health=down&sort=-observed';
    const { wanted, sort } = readQuery(new URLSearchParams(query));
    expect(wanted).toMatchObject({ search: 'shop web1', health: 'down', server: '' });
    expect(writeQuery(wanted, sort)).toBe(query);
    const plain = readQuery(new URLSearchParams());
    expect(writeQuery(plain.wanted, plain.sort)).toBe('');
  });
});
