import { describe, expect, it } from 'vitest';
import { Lines, overlap } from './overlap';

describe('overlap', () => {
  it('finds what was seen before', () => {
    expect(overlap(['a', 'b', 'c'], ['b', 'c', 'd'])).toBe(2);
    expect(overlap(['a', 'b', 'c'], ['a', 'b', 'c'])).toBe(3);
    expect(overlap(['a', 'b', 'c'], ['x', 'y'])).toBe(0);
    expect(overlap([], ['x'])).toBe(0);
    expect(overlap(['x'], [])).toBe(0);
  });

  it('takes the longest where lines repeat', () => {
    expect(overlap(['a', 'a', 'a'], ['a', 'a', 'b'])).toBe(2);
    expect(overlap(['a', 'b', 'a', 'b'], ['a', 'b', 'a', 'b', 'c'])).toBe(4);
  });
});

describe('Lines', () => {
  it('waits for the end of a line', () => {
    const lines = new Lines();
    expect(lines.take('a\nb')).toEqual(['a']);
    expect(lines.take('c\r\n\nd')).toEqual(['bc', '']);
    expect(lines.take('\n')).toEqual(['d']);
  });
});
