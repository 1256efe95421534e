/** How many there are of each: the API counts nothing, so the lists are gone through, up to a bound. */

import { createQuery } from '@tanstack/svelte-query';
import type { Health, InstanceStatus, ServerStatus } from '#lib/api/schema.d.ts';
import { api, body } from '#lib/api/client.ts';
import { current } from '#lib/session/current.svelte.ts';
import { tally, walk } from './walk.ts';

const SERVER: ServerStatus[] = ['unreachable', 'failed', 'validating', 'removing', 'active'];
const INSTANCE: InstanceStatus[] = [
  'failed',
  'creating',
  'starting',
  'restarting',
  'updating',
  'moving',
  'stopping',
  'removing',
  'stopped',
  'running',
];
const HEALTH: Health[] = ['down', 'unhealthy', 'unknown', 'healthy'];

export function createServerCounts() {
  return createQuery(() => ({
    queryKey: ['servers', 'counts'],
    queryFn: async () => {
      const { rows, more } = await walk((cursor) =>
        body(api.GET('/api/servers', { params: { query: { limit: 200, cursor } } })),
      );
      return {
        total: rows.length,
        more,
        instances: rows.reduce((sum, of) => sum + of.instanceCount, 0),
        status: tally(
          rows.map((of) => of.status),
          SERVER,
        ),
        cordoned: rows.filter((of) => of.cordonedAt).length,
      };
    },
    enabled: current.may('view:servers'),
  }));
}

export function createInstanceCounts() {
  return createQuery(() => ({
    queryKey: ['instances', 'counts'],
    queryFn: async () => {
      const { rows, more } = await walk((cursor) =>
        body(api.GET('/api/instances', { params: { query: { limit: 200, cursor } } })),
      );
      return {
        total: rows.length,
        more,
        status: tally(
          rows.map((of) => of.status),
          INSTANCE,
        ),
        // Only of those that are meant to serve: nobody expects it of the others.
        health: tally(
          rows.filter((of) => of.status === 'running').map((of) => of.health),
          HEALTH,
        ),
      };
    },
    enabled: current.may('view:instances'),
  }));
}
