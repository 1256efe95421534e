/** A state as text, always in the same order, so that two can be held against each other line by line. */
export function stateText(state: unknown): string {
  return state === null || state === undefined ? '' : JSON.stringify(sorted(state), null, 2);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, of]) => [name, sorted(of)]));
}
