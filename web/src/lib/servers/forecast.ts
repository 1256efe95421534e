/** Where the instances of a server would go if it were drained now. */

import { api, body } from '#lib/api/client.ts';
import type { Instance, Proposal } from '#lib/api/schema.d.ts';

export interface Move {
  instance: Instance;
  /** The server that suits it best; undefined: none takes it. */
  to?: string;
  /** Why it goes nowhere. */
  why?: string;
}

/** So many are asked for at once; a server bears seldom more. */
const MOST = 30;

export async function forecast(serverId: string): Promise<{ moves: Move[]; more: boolean }> {
  const query = { serverId, limit: MOST };
  const { data, hasMore } = await body(api.GET('/api/instances', { params: { query } }));
  // One moves after the other, so the later ones find less room than this says.
  const moves = await Promise.all(
    data.map(async (instance) => moveOf(instance, serverId, await proposal(instance))),
  );
  return { moves, more: hasMore };
}

function proposal(instance: Instance): Promise<Proposal> {
  return body(
    api.POST('/api/placement', {
      body: {
        environmentType: instance.environmentType,
        workers: instance.workers,
        memoryLimitBytes: instance.memoryLimitBytes,
        cpuLimitMillis: instance.cpuLimitMillis,
        diskBytes: instance.diskBytes,
        placementGroup: instance.placementGroup,
        antiAffinity: instance.antiAffinity,
      },
    }),
  );
}

/** The best of the other servers, or what stands in the way on the one that comes nearest. */
export function moveOf(instance: Instance, from: string, { servers }: Pick<Proposal, 'servers'>): Move {
  const others = servers.filter((of) => of.serverId !== from);
  const best = others.find((of) => typeof of.score === 'number');
  if (best) return { instance, to: best.serverName };
  const nearest = others[0];
  const why = nearest && `${nearest.serverName}: ${nearest.reasons.map((of) => of.text).join('; ')}`;
  return { instance, why };
}
