import { QueryClient, QueryObserver } from '@tanstack/svelte-query';
import { expect, it } from 'vitest';
import { freshener } from './freshen.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it('shows a slow list although changes come faster, and the last change as well', async () => {
  const queries = new QueryClient();
  let world = 0;
  const shown: number[] = [];
  const observer = new QueryObserver(queries, {
    queryKey: ['operations'],
    queryFn: async () => {
      const seen = world;
      await pause(40);
      return seen;
    },
  });
  const stop = observer.subscribe(({ data }) => {
    if (data !== undefined && data !== shown.at(-1)) shown.push(data);
  });
  const change = freshener(queries);
  for (let i = 0; i < 20; i += 1) {
    world += 1;
    change((query) => query.queryKey[0] === 'operations');
    await pause(10);
  }
  // While changes still came something was shown already.
  expect(shown.length).toBeGreaterThan(1);
  await pause(150);
  expect(shown.at(-1)).toBe(20);
  stop();
});
