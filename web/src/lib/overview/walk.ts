/** Counting by going through lists. */

import type { Page } from '#lib/api/list.ts';

/** The most pages of 200 that are asked for. */
const PAGES = 3;

export interface Walked<T> {
  rows: T[];
  /** Whether there are more than were looked at. */
  more: boolean;
}

/** The first rows of a list, page by page. */
export async function walk<T>(
  page: (cursor?: string) => Promise<Page<T>>,
  pages = PAGES,
): Promise<Walked<T>> {
  const rows: T[] = [];
  let cursor: string | undefined;
  for (let left = pages; left > 0; left -= 1) {
    const got = await page(cursor);
    rows.push(...got.data);
    cursor = got.nextCursor ?? undefined;
    if (!got.hasMore || !cursor) return { rows, more: false };
  }
  return { rows, more: true };
}

/** How often each value is there, in the order given; values that are not there are left out. */
export function tally<V extends string>(values: V[], order: readonly V[]): [V, number][] {
  const counts = new Map<V, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return order.flatMap((value) => (counts.has(value) ? [[value, counts.get(value) ?? 0]] : []));
}
