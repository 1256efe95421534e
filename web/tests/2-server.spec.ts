/** A server is added by key, and one that cannot be entered is mended. */

import { acme, expect, OWNER, signIn, test } from './support/world.ts';
import { clean, fingerprintOf, keyOf, servers } from './support/servers.ts';

test('a server is added by key, after a wrong one was mended', async ({ page, plane }) => {
  test.setTimeout(240_000);
  const { slug } = await acme(plane);
  const server = servers[1];
  if (!server) throw new Error('a second server is needed');
  clean(server);
  await signIn(page, plane, OWNER);
  await page.goto(`${plane.url}/o/${slug}/servers`);
  await page.getByRole('link', { name: 'Add a server' }).first().click();
  await page.getByRole('radio', { name: /Another server, by SSH/ }).check();
  await page.getByLabel('Name', { exact: true }).fill('web-2');
  await page.getByLabel('Host name or address').fill(server.address);
  await page.getByLabel('User', { exact: true }).fill('plain');
  await page.getByLabel('Private key').fill(keyOf(server));
  await page.getByLabel('Host key fingerprint').fill(fingerprintOf(server));
  await page.getByRole('button', { name: 'Add and look at it' }).click();
  // That user may not use Docker: the step that found out says so, with what to do.
  await expect(page.getByText('What to do').first()).toBeVisible({ timeout: 90_000 });
  await page.getByRole('button', { name: 'Another host, port or user' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByLabel('User', { exact: true }).fill('root', { timeout: 60_000 });
  await page.getByRole('button', { name: 'Add and look at it' }).click();
  await expect(page.getByRole('heading', { name: 'web-2', level: 1 })).toBeVisible({ timeout: 120_000 });
  await page.goto(`${plane.url}/o/${slug}/servers`);
  await expect(page.getByRole('row', { name: /web-2/ })).toContainText('active');
});
