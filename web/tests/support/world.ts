/** What the tests work with: one control plane for a file, who is signed in, and what they made. */

import { expect, test as base, type Browser, type BrowserContext, type Page } from '@playwright/test';
import { Plane } from './plane.ts';

export const OWNER = { email: 'owner@example.com', name: 'Olga Owner', password: 'dashboard-1' };
export const VIEWER = { email: 'viewer@example.com', name: 'Vera Viewer', password: 'dashboard-2' };

type Person = typeof OWNER;

export const test = base.extend<object, { plane: Plane }>({
  plane: [
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

  static async as(plane: Plane, who: Person): Promise<Client> {
    const client = new Client(plane, '');
    const { accessToken } = await client.send<{ accessToken: string }>('POST', '/api/auth/login', {
      email: who.email,
      password: who.password,
    });
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
