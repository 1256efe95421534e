/** The steps of the first start, and which one is to be done: it follows from what there is. */

import type { Instance, Server } from '#lib/api/schema.d.ts';

export const STEPS = ['account', 'server', 'instance', 'done'] as const;
export type Step = (typeof STEPS)[number];

export interface Existing {
  needsAccount: boolean;
  servers: Pick<Server, 'status'>[];
  instances: Pick<Instance, 'status'>[];
}

/** The first step that is not done. */
export function stepDue({ needsAccount, servers, instances }: Existing): Step {
  if (needsAccount) return 'account';
  if (instances.some((of) => of.status === 'running')) return 'done';
  // An unreachable server was good once, and comes back by itself.
  if (!servers.some((of) => of.status === 'active' || of.status === 'unreachable')) return 'server';
  return 'instance';
}

/** The step that an address asks for, as far as one may go: nothing is skipped, and an account is made only once. */
export function stepShown(due: Step, asked: string | null): Step {
  const wanted = STEPS.find((step) => step === asked);
  if (!wanted || due === 'account' || wanted === 'account') return due;
  return STEPS.indexOf(wanted) <= STEPS.indexOf(due) ? wanted : due;
}
