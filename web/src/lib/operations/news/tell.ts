/** Tells in passing that an operation has ended. */

import { goto } from '$app/navigation';
import type { Operation } from '#lib/api/schema.d.ts';
import { within } from '#lib/links.ts';
import { t } from '#lib/messages/index.ts';
import { toast } from '#lib/ui/toast.ts';
import { operationTitle } from '../kinds.ts';
import { endedBadly } from '../phase.ts';
import { isWatched } from '../watched.ts';
import { seen } from './seen.svelte.ts';

/** More at once than these would only cover the page; the bell has them all. */
const AT_ONCE = 3;

export function tell(ended: Operation[]) {
  for (const of of ended) if (isWatched(of.id)) seen.one(of);
  const news = ended.filter((of) => !isWatched(of.id) && (endedBadly(of) || !of.partOf));
  for (const of of news.slice(0, AT_ONCE)) {
    const title = operationTitle(of);
    const action = { label: t('common:act.details'), onClick: () => void goto(within('operations', of.id)) };
    if (endedBadly(of)) {
      const description = of.error?.detail ?? '';
      toast.error(t('common:bell.failed', { title }), { description, action, duration: 20_000 });
    } else if (of.state === 'cancelled') toast.info(t('operations:news.cancelled', { title }), { action });
    else toast.success(t('common:bell.done', { title }), { action });
  }
  const more = news.length - AT_ONCE;
  if (more > 0) toast.info(t('operations:news.more', { count: more }));
}
