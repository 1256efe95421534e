/** What the tests work with: one control plane for a file, who is signed in, and what they made. */

import { expect, test as base, type Browser, type BrowserContext, type Page } from '@playwright/test';
import { Plane } from './plane.ts';
import { clean, fingerprintOf, keyOf, servers } from './servers.ts';

export const OWNER = { email: 'owner@example.com', name: 'Olga Owner', password: 'dashboard-1' };
export const VIEWER = { email: 'viewer@example.com', name: 'Vera Viewer', password: 'dashboard-2' };

type Person = typeof OWNER;

export const test = base.extend<object, { plane: Plane }>({
  plane: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const plane = await Plane.start();
      await use(plane);
      const told = plane.log();
      await plane.discard();
      // Whatever was done: no secret was logged.
      expect(told).not.toMatch(/canary7f3a|dashboard-[12]|BEGIN OPENSSH/);
    },
    { scope: 'worker' },
  ],
});

export { expect };

/** A plane with an owner, a viewer, a server by key and an Odoo on it, made by the API. */
export interface Acme {
  owner: Client;
  slug: string;
  serverId: string;
  instanceId: string;
  operationId: string;
}

const built = new Map<Plane, Promise<Acme>>();

/** What is made once for each plane. */
export function acme(plane: Plane): Promise<Acme> {
  let made = built.get(plane);
  if (!made) built.set(plane, (made = build(plane)));
  return made;
}

async function build(plane: Plane): Promise<Acme> {
  const [server] = servers;
  if (!server) throw new Error('there is no server: OCORE_E2E_SERVERS');
  const anyone = Client.nobody(plane);
  const { needsFirstAccount } = await anyone.send<{ needsFirstAccount: boolean }>('GET', '/api/auth/setup');
  if (needsFirstAccount) {
    clean(server);
    await anyone.send('POST', '/api/auth/signup', { ...OWNER, organizationName: 'Acme Agency' });
  }
  const owner = await Client.as(plane, OWNER);
  const { organizations } = await owner.send<{ organizations: { id: string; slug: string }[] }>(
    'GET',
    '/api/auth/me',
  );
  const [organization] = organizations;
  if (!organization) throw new Error('the owner has no organization');
  const viewer = await owner.send<{ id: string }>('POST', '/api/admin/users', VIEWER);
  await owner.send('POST', `/api/admin/orgs/${organization.id}/members`, {
    userId: viewer.id,
    roleName: 'Viewer',
  });

  interface Listed {
    data: { id: string }[];
  }
  let [host] = (await owner.send<Listed>('GET', '/api/servers')).data;
  if (!host) {
    const added = await owner.send<{ server: { id: string }; operation: { id: string } }>(
      'POST',
      '/api/servers',
      {
        name: 'web-1',
        host: server.address,
        authMethod: 'key',
        sshUser: 'root',
        sshPrivateKey: keyOf(server),
        hostKeyFingerprint: fingerprintOf(server),
      },
    );
    expect(await owner.ended(added.operation.id)).toBe('done');
    host = added.server;
  }
  let [instance] = (await owner.send<Listed>('GET', '/api/instances')).data;
  if (!instance) {
    const made = await owner.send<{ instance: { id: string }; operation: { id: string } }>(
      'POST',
      '/api/instances',
      {
        name: 'Acme Shop',
        workers: 0,
        memoryLimitBytes: 1 << 30,
      },
    );
    expect(await owner.ended(made.operation.id)).toBe('done');
    instance = made.instance;
  }
  const [operation] = (await owner.send<Listed>('GET', '/api/operations')).data;
  return {
    owner,
    slug: organization.slug,
    serverId: host.id,
    instanceId: instance.id,
    operationId: operation?.id ?? '',
  };
}

/** Signs in as people do. */
export async function signIn(page: Page, plane: Plane, who: Person): Promise<void> {
  await page.goto(`${plane.url}/login`);
  await page.getByLabel('E-mail').fill(who.email);
  await page.getByLabel('Password').fill(who.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(/\/o\/[^/]+$/);
}

/** A browser of somebody's own. */
export async function browserOf(browser: Browser, plane: Plane, who: Person): Promise<Page> {
  const context: BrowserContext = await browser.newContext();
  const page = await context.newPage();
  await signIn(page, plane, who);
  return page;
}

/** Asks the API as somebody, without a browser: what a test needs and is not about. */
export class Client {
  private constructor(
    readonly plane: Plane,
    readonly token: string,
  ) {}

  static nobody(plane: Plane): Client {
    return new Client(plane, '');
  }

  static async as(plane: Plane, who: Person): Promise<Client> {
    const { accessToken } = await Client.nobody(plane).send<{ accessToken: string }>(
      'POST',
      '/api/auth/login',
      {
        email: who.email,
        password: who.password,
      },
    );
    return new Client(plane, accessToken);
  }

  async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(this.plane.url + path, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  /** Waits until an operation has ended, and answers its state. */
  async ended(id: string, seconds = 300): Promise<string> {
    const until = Date.now() + seconds * 1_000;
    for (;;) {
      const { state } = await this.send<{ state: string }>('GET', `/api/operations/${id}`);
      if (!['queued', 'running', 'undoing'].includes(state)) return state;
      if (Date.now() > until) throw new Error(`operation ${id} is still ${state}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
