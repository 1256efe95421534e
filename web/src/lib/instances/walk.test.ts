import { describe, expect, it } from 'vitest';
import { walk, type Part } from './walk';

/** A list of numbers in pages of two, whose cursor is the last number of the page before; it counts how it is asked. */
function listOf(numbers: number[]) {
  const asked: (string | undefined)[] = [];
  const part = async (cursor: string | undefined) => {
    asked.push(cursor);
    const after = numbers.filter((number) => cursor === undefined || number > Number(cursor));
    const rows = after.slice(0, 2);
    return { rows, next: after.length > 2 ? String(rows[1]) : undefined };
  };
  return { part, asked };
}

const read = async (numbers: number[], known: Part<number>[] = [], most = 100) => {
  const { part, asked } = listOf(numbers);
  const { parts, more } = await walk({ known, atOnce: 3, most, part });
  return { parts, more, asked, all: parts.flatMap((one) => one.rows) };
};

describe('walk', () => {
  it('reads one page after another when none is known', async () => {
    const first = await read([1, 2, 3, 4, 5]);
    expect(first.all).toEqual([1, 2, 3, 4, 5]);
    expect(first.asked).toEqual([undefined, '2', '4']);
  });

  it('asks for what it knows at once, and misses nothing that came or went', async () => {
    const before = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const { parts } = await read(before);
    for (const now of [
      before,
      [...before, 10, 11, 12],
      [1, 2, 4, 5, 6, 7, 8, 9],
      [1, 2, 3, 3.5, 4, 5, 6, 7, 8, 9],
      [2],
      [],
    ]) {
      expect((await read(now, parts)).all, String(now)).toEqual(now);
    }
    expect((await read(before, parts)).asked).toHaveLength(5);
  });

  it('ends where enough was read, and says that there is more', async () => {
    const some = await read([1, 2, 3, 4, 5], [], 2);
    expect(some.all).toEqual([1, 2, 3, 4]);
    expect(some.more).toBe(true);
    expect((await read([1, 2, 3, 4], [], 2)).more).toBe(false);
  });
});
