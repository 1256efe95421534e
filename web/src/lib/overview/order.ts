/** The counts of values, in the order given; one that is not named there comes last. */
export function inOrder<V extends string, C extends { count: number }>(
  counts: C[],
  value: (of: C) => V,
  order: readonly V[],
): [V, number][] {
  const place = (of: V) => (order.includes(of) ? order.indexOf(of) : order.length);
  return counts.map((of): [V, number] => [value(of), of.count]).sort(([a], [b]) => place(a) - place(b));
}
