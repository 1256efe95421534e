import { expect, it } from 'vitest';
import { stateText } from './text';

it('does not depend on the order of names', () => {
  expect(stateText({ b: [{ d: 1, c: 2 }], a: null })).toBe(stateText({ a: null, b: [{ c: 2, d: 1 }] }));
  expect(stateText([2, 1])).not.toBe(stateText([1, 2]));
  expect(stateText(null)).toBe('');
});
