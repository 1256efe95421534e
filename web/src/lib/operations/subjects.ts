/** Servers and instances by their ids. */

import { api, body } from '#lib/api/client.ts';

/** The name of a server or an instance; the beginning of its id when it is gone. */
export async function subjectName(id: string): Promise<string> {
  const path = { params: { path: { id } } };
  const instance = body(api.GET('/api/instances/{id}', path)).catch(() => undefined);
  const server = body(api.GET('/api/servers/{id}', path)).catch(() => undefined);
  return (await instance)?.name ?? (await server)?.name ?? id.slice(0, 8);
}
