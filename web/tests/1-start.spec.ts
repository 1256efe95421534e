/** From nothing to a running Odoo: account, server by SSH key, instance, and its login. */

import { execFileSync, spawn } from 'node:child_process';
import { expect, OWNER, test } from './support/world.ts';
import { clean, fingerprintOf, keyOf, servers } from './support/servers.ts';

test('the first start ends in a running Odoo with its link', async ({ page, plane }) => {
  test.setTimeout(360_000);
  const [server] = servers;
  if (!server) throw new Error('there is no server: OCORE_E2E_SERVERS');
  clean(server);

  await page.goto(plane.url);
  await page.waitForURL(/\/start/);
  await page.getByLabel('Organization').fill('Acme Agency');
  await page.getByLabel('Your name').fill(OWNER.name);
  await page.getByLabel('E-mail address').fill(OWNER.email);
  // What is wrong is told in place, and nothing that was typed is lost.
  await page.getByLabel('Password').fill('onlyletters');
  await page.getByRole('button', { name: 'Create the account' }).click();
  await expect(page.getByRole('alert').first()).toBeVisible();
  await expect(page.getByLabel('Your name')).toHaveValue(OWNER.name);
  await page.getByLabel('Password').fill(OWNER.password);
  await page.getByRole('button', { name: 'Create the account' }).click();

  await page.getByRole('radio', { name: /Another server, by SSH/ }).check();
  await page.getByLabel('Name', { exact: true }).fill('web-1');
  await page.getByLabel('Host name or address').fill(server.address);
  await page.getByLabel('User', { exact: true }).fill('root');
  await page.getByLabel('Private key').fill(keyOf(server));
  await page.getByRole('button', { name: 'Add and look at it' }).click();
  // Each step is seen as it happens; then the key that was trusted is compared with the server's own.
  await expect(page.getByRole('list', { name: 'Steps' }).getByRole('listitem').first()).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Compare the host key' })).toBeVisible({ timeout: 120_000 });
  await page
    .getByLabel('What the server prints')
    .fill(`256 SHA256:${'A'.repeat(43)} root@elsewhere (ED25519)`);
  await expect(page.getByRole('button', { name: 'It is the same key' })).toBeDisabled();
  await page.getByLabel('What the server prints').fill(`256 ${fingerprintOf(server)} root@web-1 (ED25519)`);
  await page.getByRole('button', { name: 'It is the same key' }).click();

  // Left and come back to: it goes on where it was.
  await page.goto(plane.url);
  await page.goto(`${plane.url}/start`);
  await page.getByLabel('Name', { exact: true }).fill('Acme Shop');
  await page.getByRole('button', { name: 'Create it' }).click();
  await expect(page.getByText(/Acme Shop runs on Odoo 19/)).toBeVisible({ timeout: 240_000 });

  // Its link: by the tunnel that the page says, as an operator would, and a login there.
  const command = await page
    .getByText(/ssh -N -L|ssh -L/)
    .first()
    .innerText();
  const port = /-L (\d+):/.exec(command)?.[1];
  const tunnel = spawn('ssh', [
    '-N',
    ...['-i', server.keyPath, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
    ...command
      .trim()
      .split(/\s+/)
      .slice(1)
      .filter((word) => word !== '-N'),
  ]);
  try {
    const password = await page
      .getByRole('textbox', { name: 'Password' })
      .or(page.locator('code, output'))
      .allInnerTexts();
    expect(password.join(' ').length).toBeGreaterThan(8);
    await expect
      .poll(
        () =>
          execFileSync('curl', [
            '-s',
            '-o',
            '/dev/null',
            '-w',
            '%{http_code}',
            `http://127.0.0.1:${port}/web/login`,
          ]).toString(),
        {
          timeout: 30_000,
        },
      )
      .toBe('200');
  } finally {
    tunnel.kill();
  }
  await page.getByRole('link', { name: 'Go to the overview' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Overview');
});
