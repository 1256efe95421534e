/** The life of an instance, as somebody works with it: made, looked into, stopped, changed, and deleted; and one that fails. */

import { acme, expect, OWNER, signIn, test } from './support/world.ts';

test('an instance lives its whole life', async ({ page, plane }) => {
  test.setTimeout(420_000);
  const { slug } = await acme(plane);
  await signIn(page, plane, OWNER);
  await page.goto(`${plane.url}/o/${slug}/instances/new`);
  await page.getByLabel('Name', { exact: true }).fill('Life');
  await expect(page.getByLabel('Slug')).toHaveValue('life');
  // Where it would go is told before it is made, with reasons.
  await expect(page.getByRole('radio', { name: /Let oCore choose the best/ })).toBeChecked();
  await expect(page.getByText('Score').first()).toBeVisible();
  await page.getByLabel('Workers').fill('0');
  await page.getByLabel('Memory limit (GiB)').fill('1');
  await page.getByRole('button', { name: 'Create the instance' }).click();
  await expect(page.getByText('This password is shown only now')).toBeVisible();
  await expect(page.getByText('Life is ready.')).toBeVisible({ timeout: 180_000 });
  await page.getByRole('link', { name: 'To the instance' }).click();

  await test.step('its log is live, can be searched and paused', async () => {
    await page.getByRole('link', { name: 'Log', exact: true }).click();
    await page.getByRole('checkbox', { name: 'Plain text' }).check();
    const log = page.getByRole('log');
    await expect(log).toContainText('werkzeug', { timeout: 30_000 });
    const before = (await log.innerText()).length;
    // oCore looks at its page every few seconds, which Odoo writes down.
    await expect
      .poll(async () => (await log.innerText()).length, { timeout: 30_000 })
      .toBeGreaterThan(before);
    await page.getByRole('button', { name: 'Pause' }).click();
    const held = (await log.innerText()).length;
    await page.waitForTimeout(6_000);
    expect((await log.innerText()).length).toBe(held);
    await page.getByRole('button', { name: 'Go on' }).click();
    await expect.poll(async () => (await log.innerText()).length, { timeout: 30_000 }).toBeGreaterThan(held);
  });

  await test.step('its settings are changed, after the difference was shown', async () => {
    await page.getByRole('link', { name: 'Configuration' }).click();
    await page.getByLabel('Memory limit (GiB)').fill('1.25');
    await page.getByRole('button', { name: 'Look at the changes' }).click();
    const review = page.getByRole('dialog');
    await expect(review).toContainText('1 GiB');
    await expect(review).toContainText('1.3 GiB');
    await review.getByRole('button', { name: 'Apply' }).click();
    await expect(page.getByText('done', { exact: true }).first()).toBeVisible({ timeout: 120_000 });
  });

  await test.step('it is stopped and started, as the page shows at once', async () => {
    await page.getByRole('link', { name: 'Overview', exact: true }).last().click();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
    await expect(page.getByText('stopped', { exact: true }).first()).toBeVisible({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await expect(page.getByText('healthy', { exact: true }).first()).toBeVisible({ timeout: 90_000 });
    // Its page shows the health that was seen a moment before the start has ended.
    await expect(page.getByRole('button', { name: 'Stop', exact: true })).toBeVisible({ timeout: 30_000 });
  });

  await test.step('it is deleted by typing its name, and gone from the list', async () => {
    await page.getByRole('button', { name: /More actions/ }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/to confirm/).fill('lif');
    await expect(dialog.getByRole('button', { name: 'Delete' })).toBeDisabled();
    await dialog.getByLabel(/to confirm/).fill('life');
    if (await dialog.getByRole('button', { name: 'Delete' }).isDisabled())
      await dialog.getByLabel(/to confirm/).fill('Life');
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await expect(page.getByText('Life was deleted').first()).toBeVisible({ timeout: 90_000 });
    await page.goto(`${plane.url}/o/${slug}/instances`);
    await expect(page.getByRole('row', { name: /Acme Shop/ })).toBeVisible();
    await expect(page.getByRole('row', { name: /^Life/ })).toHaveCount(0);
  });
});

test('what failed tells why, and is done again', async ({ page, plane }) => {
  test.setTimeout(240_000);
  const { slug, owner, instanceId } = await acme(plane);
  plane.askFor('fail:instance_stop:stop:before');
  const { operation } = await owner.send<{ operation: { id: string } }>(
    'POST',
    `/api/instances/${instanceId}/control`,
    {
      action: 'stop',
    },
  );
  await signIn(page, plane, OWNER);
  await page.goto(`${plane.url}/o/${slug}/operations/${operation.id}`);
  await expect(page.getByText('rolled back', { exact: true }).first()).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText('What to do').first()).toBeVisible();
  plane.askFor('');
  await page.getByRole('button', { name: 'Do it again' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Do it again' }).click();
  await expect(page.getByText('done', { exact: true }).first()).toBeVisible({ timeout: 60_000 });
  const started = await owner.send<{ operation: { id: string } }>(
    'POST',
    `/api/instances/${instanceId}/control`,
    {
      action: 'start',
    },
  );
  expect(await owner.ended(started.operation.id)).toBe('done');
});
