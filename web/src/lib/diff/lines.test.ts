import { diffLines } from 'diff';
import { describe, expect, it } from 'vitest';
import { asLines, pieces } from './lines';

const diff = (before: unknown, after: unknown) =>
  pieces(diffLines(asLines(before), asLines(after))).map(({ sign, text }) => sign + text);

describe('diff', () => {
  it('tells what came and went, and leaves out what is far from it', () => {
    const text = (middle: string) => ['1', '2', '3', '4', middle, '6', '7', '8', '9'].join('\n');
    expect(diff(text('old'), text('new'))).toEqual(['…', ' 3', ' 4', '-old', '+new', ' 6', ' 7', '…']);
  });

  it('is nothing for the same in another order', () => {
    expect(diff({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 })).toEqual([]);
  });

  it('is all of it where there was nothing', () => {
    expect(diff(undefined, { a: 1 })).toEqual(['+{', '+  "a": 1', '+}']);
    expect(diff({ workers: 2 }, { workers: 4 })).toEqual([' {', '-  "workers": 2', '+  "workers": 4', ' }']);
  });
});
