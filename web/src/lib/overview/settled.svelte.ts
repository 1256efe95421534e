/** Whether what a page shows first has arrived: until then its parts would push each other about. */

import { useIsFetching } from '@tanstack/svelte-query';
import { turns } from '#lib/ui/turns.svelte.ts';

/** What takes longer than this, in milliseconds, is not waited for. */
const PATIENCE = 1_500;

class Settled {
  is = $state(false);
}

/** For a page whose parts come in turn and begin their queries as they are set up. */
export function createSettled(): Settled {
  const settled = new Settled();
  const fetching = useIsFetching();
  let began = false;
  $effect(() => {
    began ||= fetching.current > 0;
    if (began && fetching.current === 0 && turns.waiting === 0) settled.is = true;
  });
  $effect(() => {
    const patience = setTimeout(() => (settled.is = true), PATIENCE);
    return () => clearTimeout(patience);
  });
  return settled;
}
