import { expect, test } from 'vitest';
import { summary, timeMarks, withGaps } from './data';

const at = (...seconds: number[]) => seconds.map((second) => new Date(second * 1000).toISOString());

test('a gap becomes an empty point, an uneven step does not', () => {
  const drawn = withGaps(at(0, 10, 21, 30, 90, 100), [{ label: 'a', values: [1, 2, 3, 4, 5, 6] }]);
  expect(drawn.times).toEqual([0, 10, 21, 30, 60, 90, 100]);
  expect(drawn.values).toEqual([[1, 2, 3, 4, null, 5, 6]]);
});

test('what is asked once a minute has no gaps', () => {
  expect(withGaps(at(0, 60, 121, 180), [{ label: 'a', values: [1, 2, 3, 4] }]).times).toHaveLength(4);
});

test('what was not measured is empty, and no zero', () => {
  const series = { label: 'a', values: [null, 3, undefined, 1, null] };
  expect(withGaps(at(0, 10, 20, 30, 40), [series]).values).toEqual([[null, 3, null, 1, null]]);
  expect(summary(series.values)).toEqual({ last: 1, min: 1, max: 3 });
  expect(summary([null, undefined])).toBeUndefined();
});

test('midnight is told by its day, other hours by the clock', () => {
  const mark = timeMarks('en-GB', 3_600);
  expect(mark(new Date(2026, 2, 5, 0, 0).getTime() / 1000)).toBe('5 Mar');
  expect(mark(new Date(2026, 2, 5, 14, 30).getTime() / 1000)).toBe('14:30');
  expect(mark(new Date(2026, 2, 5, 2, 15).getTime() / 1000)).toBe('02:15');
  expect(timeMarks('en-US', 3_600)(new Date(2026, 2, 5, 2, 15).getTime() / 1000)).toMatch(/^2:15\sAM$/);
  expect(timeMarks('en-GB', 86_400)(new Date(2026, 2, 5, 12, 0).getTime() / 1000)).toBe('5 Mar');
});
