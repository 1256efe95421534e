/** How a person reaches an instance, which listens on its server's loopback only. */

import type { Instance, Server } from '#lib/api/schema.d.ts';

export interface Way {
  /** The address to open. */
  url: string;
  /** What has to run first on the person's own machine. */
  tunnel?: string;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** The way from where the dashboard is looked at, `hostname` being the name by which that is. */
export function wayTo(
  instance: Pick<Instance, 'httpPortHost'>,
  server: Pick<Server, 'authMethod' | 'host' | 'port' | 'sshUser'>,
  hostname: string,
): Way | undefined {
  const port = instance.httpPortHost;
  if (!port) return undefined;
  const url = `http://127.0.0.1:${port}`;
  const isLocal = server.authMethod === 'local';
  if (isLocal && LOOPBACK.test(hostname)) return { url };
  const forward = `-L ${port}:127.0.0.1:${port}`;
  // The machine of oCore: nothing is known of its SSH server but its name.
  if (isLocal) return { url, tunnel: `ssh -N ${forward} ${hostname}` };
  const at = server.port === 22 ? '' : ` -p ${server.port}`;
  return { url, tunnel: `ssh -N${at} ${forward} ${server.sshUser}@${server.host}` };
}
