/** The servers of the testbed, which `cargo xtask test` has started. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Server {
  /** The container that it is. */
  name: string;
  address: string;
  keyPath: string;
}

export const servers: Server[] = JSON.parse(process.env.OCORE_E2E_SERVERS ?? '[]');

/** The private key that opens it. */
export const keyOf = (server: Server): string => readFileSync(server.keyPath, 'utf8');

/** Runs a script on a server, from outside. */
export function on(server: Server, script: string): string {
  return execFileSync('docker', ['exec', server.name, 'sh', '-c', script], { encoding: 'utf8' }).trim();
}

/** The fingerprint of its host key, as its operator reads it there. */
export function fingerprintOf(server: Server): string {
  const line = on(server, 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub');
  return line.split(' ')[1] ?? '';
}

/** Takes away what an earlier test left. */
export function clean(server: Server) {
  on(
    server,
    `docker ps -aq | xargs -r docker rm -fv >/dev/null; docker volume ls -q | xargs -r docker volume rm >/dev/null
     docker network ls -q --filter name=ocore | xargs -r docker network rm >/dev/null`,
  );
}
