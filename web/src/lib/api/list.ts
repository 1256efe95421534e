/** Lists that come in pages. */

import { createInfiniteQuery } from '@tanstack/svelte-query';

/** A page as every list of the API answers it. */
export interface Page<T> {
  data: T[];
  nextCursor?: string | null;
  hasMore: boolean;
}

/**
 * A list that grows by `fetchNextPage`. The first part of the key is the topic that makes it stale; see `live/changes`.
 *
 * Its rows are in `rows(list)`.
 */
export function createList<T>(
  options: () => {
    key: unknown[];
    page: (cursor: string | undefined) => Promise<Page<T>>;
    enabled?: boolean;
  },
) {
  return createInfiniteQuery(() => {
    const { key, page, enabled } = options();
    return {
      queryKey: key,
      queryFn: ({ pageParam }: { pageParam: string | undefined }) => page(pageParam),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (last: Page<T>) => (last.hasMore ? (last.nextCursor ?? undefined) : undefined),
      enabled,
    };
  });
}

/** All rows that were fetched so far. */
export function rows<T>(list: { data?: { pages: Page<T>[] } }): T[] {
  return list.data?.pages.flatMap((page) => page.data) ?? [];
}
