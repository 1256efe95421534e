/** What is asked about servers. The first part of each key is the topic whose changes make it stale. */

import { createQuery } from '@tanstack/svelte-query';
import { api, body } from '#lib/api/client.ts';
import { Fault } from '#lib/api/fault.ts';
import type { LatestMetrics, Server, ServerStatus } from '#lib/api/schema.d.ts';

/** A server, and by which revision it was read. */
export interface Read {
  server: Server;
  etag: string | undefined;
}

export const STATUSES: ServerStatus[] = ['active', 'unreachable', 'failed', 'validating', 'removing'];

export async function readServer(id: string): Promise<Read> {
  const { data, response } = await api.GET('/api/servers/{id}', { params: { path: { id } } });
  return { server: data as Server, etag: response.headers.get('etag') ?? undefined };
}

export function createServerQuery(id: () => string) {
  return createQuery(() => ({ queryKey: ['servers', 'one', id()], queryFn: () => readServer(id()) }));
}

/** What was measured last; null where nothing was yet. */
async function latest(id: string): Promise<LatestMetrics | null> {
  try {
    return await body(api.GET('/api/servers/{id}/metrics/latest', { params: { path: { id } } }));
  } catch (error) {
    if (Fault.from(error).status === 404) return null;
    throw error;
  }
}

/** Figures are new every 10 to 60 seconds, and nothing tells of it. */
export function createLatestQuery(id: () => string, wanted: () => boolean = () => true) {
  return createQuery(() => ({
    queryKey: ['metrics', 'server', id(), 'latest'],
    queryFn: () => latest(id()),
    refetchInterval: 15_000,
    enabled: wanted(),
  }));
}

/** The newest operation on a server, if there ever was one. */
export async function newestOperation(subjectId: string) {
  const query = { subjectId, limit: 1 };
  return (await body(api.GET('/api/operations', { params: { query } }))).data[0] ?? null;
}
