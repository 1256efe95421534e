/** A control plane of the test's own: the real binary with a database of its own. */

import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Every secret of a plane bears this, and it must never be seen. */
export const CANARY = 'canary7f3a';

export class Plane {
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'ocore-web-'));
  #serve: ChildProcess | undefined;

  private constructor(readonly port: number) {
    this.url = `http://localhost:${port}`;
  }

  static async start(): Promise<Plane> {
    const plane = new Plane(await freePort());
    await plane.up();
    return plane;
  }

  /** Starts `ocore serve` and waits until it is ready. */
  async up(): Promise<void> {
    const log = createWriteStream(this.#log, { flags: 'a' });
    await new Promise((resolve) => log.once('open', resolve));
    this.#serve = spawn(process.env.OCORE_BIN ?? '../target/debug/ocore', ['serve'], {
      env: {
        ...process.env,
        DATABASE_URL: '',
        ENVIRONMENT: 'development',
        OCORE_DATA_DIR: join(this.#folder, 'data'),
        OCORE_LISTEN: `127.0.0.1:${this.port}`,
        OCORE_HEALTH_INTERVAL: '3',
        OCORE_FAULTS: join(this.#folder, 'faults'),
        JWT_SECRET: `${CANARY}-jwt-secret-of-32-characters-and-more`,
        SSH_ENCRYPTION_KEY: `${CANARY}-encryption-key-of-32-characters`,
        OCORE_LIMIT_READ: '100000/60',
        OCORE_LIMIT_LOGIN: '1000/60',
      },
      stdio: ['ignore', log, log],
    });
    const until = Date.now() + 60_000;
    while (!(await this.#ready())) {
      if (this.#serve.exitCode !== null || Date.now() > until)
        throw new Error(`ocore did not start: ${this.log()}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #ready(): Promise<boolean> {
    return fetch(`${this.url}/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
  }

  /** Ends it: in good order, or as a power cut would. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const serve = this.#serve;
    if (!serve || serve.exitCode !== null) return;
    const gone = new Promise((resolve) => serve.once('exit', resolve));
    serve.kill(signal);
    await gone;
  }

  /** What is to go wrong from now on (`crates/operations/src/faults.rs`); nothing by an empty text. */
  askFor(faults: string) {
    writeFileSync(join(this.#folder, 'faults'), faults);
  }

  get #log(): string {
    return join(this.#folder, 'log');
  }

  log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  async discard(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
