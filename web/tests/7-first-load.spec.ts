/** The first page of somebody who is signed in: what it asks for ahead of its scripts is what it shows. */

import { Client, expect, OWNER, signIn, test } from './support/world.ts';
import { open } from './support/walk.ts';

test.beforeEach(async ({ page, plane }) => {
  const anyone = Client.nobody(plane);
  const { needsFirstAccount } = await anyone.send<{ needsFirstAccount: boolean }>('GET', '/api/auth/setup');
  if (needsFirstAccount)
    await anyone.send('POST', '/api/auth/signup', { ...OWNER, organizationName: 'Acme Agency' });
  await signIn(page, plane, OWNER);
});

test('what is asked for ahead is taken, and nothing is asked for twice', async ({ page, plane }) => {
  const overview = new URL(page.url()).pathname;
  for (const path of [overview, `${overview}/servers`]) {
    // What the page before still asks for does not count.
    await page.goto('about:blank');
    const asked: string[] = [];
    page.on('request', (request) => {
      const { pathname, search } = new URL(request.url());
      if (pathname.startsWith('/api/')) asked.push(pathname + search);
    });
    await page.goto(plane.url + path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await expect
      .poll(() => page.evaluate(() => [...(globalThis.ocoreAhead?.waiting.keys() ?? [])]))
      .toEqual([]);
    expect(asked).toContain('/api/events');
    expect(asked.filter((of, at) => asked.indexOf(of) !== at)).toEqual([]);
    page.removeAllListeners('request');
  }
});

test('the frame is there before the scripts, and gives way to the page without a shift', async ({ page }) => {
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) shifts.push((shift as unknown as { value: number }).value);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  let go = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  await page.route('**/_app/immutable/entry/**', async (route) => {
    await held;
    await route.continue();
  });
  const opened = open(page, page.url());
  await expect(page.locator('#frame')).toBeVisible();
  go();
  await opened;
  await expect(page.locator('#frame')).toHaveCount(0);
  const shifts = await page.evaluate(() => (globalThis as unknown as { shifts: number[] }).shifts);
  expect(shifts.reduce((sum, of) => sum + of, 0)).toBeLessThan(0.02);
});
