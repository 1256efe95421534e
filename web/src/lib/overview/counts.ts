/** How many there are of each, with what asks for somebody first. */

import { createQuery } from '@tanstack/svelte-query';
import type { Health, InstanceStatus, ServerStatus } from '#lib/api/schema.d.ts';
import { api, body } from '#lib/api/client.ts';
import { current } from '#lib/session/current.svelte.ts';
import { inOrder } from './order.ts';

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
      const { total, cordoned, byStatus } = await body(api.GET('/api/counts/servers'));
      return { total, cordoned, status: inOrder(byStatus, (of) => of.status, SERVER) };
    },
    enabled: current.may('view:servers'),
  }));
}

export function createInstanceCounts() {
  return createQuery(() => ({
    queryKey: ['instances', 'counts'],
    queryFn: async () => {
      const { total, byStatus, byHealth } = await body(api.GET('/api/counts/instances'));
      return {
        total,
        status: inOrder(byStatus, (of) => of.status, INSTANCE),
        health: inOrder(byHealth, (of) => of.health, HEALTH),
      };
    },
    enabled: current.may('view:instances'),
  }));
}
