/** Several people at once, and an oCore that goes away under an open page. */

import { acme, browserOf, expect, OWNER, signIn, test, VIEWER } from './support/world.ts';
import { open } from './support/walk.ts';

test('a viewer sees everything and is offered nothing to change', async ({ page, plane }) => {
  const { slug, instanceId, serverId } = await acme(plane);
  await signIn(page, plane, VIEWER);
  const changes =
    /^(Stop|Start|Restart|Delete|Move|Drain|Cordon|Remove|Add a server|New instance|Invite|Edit|Save|Resolve|Acknowledge)/;
  for (const path of [
    '',
    '/servers',
    `/servers/${serverId}`,
    '/instances',
    `/instances/${instanceId}`,
    '/operations',
    '/alerts',
    '/alerts/rules',
    '/members',
    '/roles',
  ]) {
    await open(page, `${plane.url}/o/${slug}${path}`);
    await expect(page.getByRole('main').getByRole('button', { name: changes }), path).toHaveCount(0);
    // Links to operations are called by what those did.
    const ways = /^(Add a server|New instance|New role|New rule)/;
    await expect(page.getByRole('main').getByRole('link', { name: ways }), path).toHaveCount(0);
  }
  // Nor is it only hidden: the API refuses.
  const refused = await page.evaluate(async (id) => {
    const csrf = /ocore_csrf=([^;]*)/.exec(document.cookie)?.[1] ?? '';
    const answer = await fetch(`/api/instances/${id}/control`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
      body: '{"action":"stop"}',
    });
    return answer.status;
  }, instanceId);
  expect(refused).toBe(403);
});

test('two browsers show the same change within two seconds', async ({ browser, plane }) => {
  const { slug, owner, serverId } = await acme(plane);
  const [first, second] = [await browserOf(browser, plane, OWNER), await browserOf(browser, plane, VIEWER)];
  for (const page of [first, second]) {
    await page.goto(`${plane.url}/o/${slug}/servers/${serverId}`);
    await expect(page.getByRole('heading', { level: 1, name: 'web-1' })).toBeVisible();
  }
  // Its stream stands: what it hears of is asked for anew.
  await second.waitForTimeout(1_000);
  await owner.send('POST', `/api/servers/${serverId}/cordon`);
  const began = Date.now();
  await Promise.all(
    [first, second].map((page) =>
      expect(page.getByText(/cordoned/i).first()).toBeVisible({ timeout: 5_000 }),
    ),
  );
  const took = Date.now() - began;
  console.log(`seen in both after ${took} ms`);
  expect(took).toBeLessThan(2_000);
  await owner.send('POST', `/api/servers/${serverId}/uncordon`);
  await Promise.all([first.context().close(), second.context().close()]);
});

test('a role that is given or taken is felt without loading the page again', async ({ page, plane }) => {
  const { slug, owner } = await acme(plane);
  await signIn(page, plane, VIEWER);
  await page.goto(`${plane.url}/o/${slug}/instances`);
  const create = page.getByRole('main').getByRole('link', { name: 'New instance' });
  await expect(page.getByRole('row', { name: /Acme Shop/ })).toBeVisible();
  await expect(create).toHaveCount(0);
  // Its stream stands.
  await page.waitForTimeout(1_000);
  interface Named {
    data: { id: string; name: string }[];
  }
  interface People {
    data: { userId: string; email: string }[];
  }
  const roles = (await owner.send<Named>('GET', '/api/roles')).data;
  const people = (await owner.send<People>('GET', '/api/members')).data;
  const viewer = people.find((of) => of.email === VIEWER.email);
  const give = async (name: string) =>
    owner.send('PUT', `/api/members/${viewer?.userId}/role`, {
      roleId: roles.find((of) => of.name === name)?.id,
    });
  await give('Developer');
  await expect(create).toBeVisible({ timeout: 5_000 });
  await give('Viewer');
  await expect(create).toHaveCount(0, { timeout: 5_000 });
});

test('a restart of oCore under an open page: it says so, and goes on without being loaded again', async ({
  page,
  plane,
}) => {
  test.setTimeout(120_000);
  const { slug, serverId } = await acme(plane);
  await signIn(page, plane, OWNER);
  await page.goto(`${plane.url}/o/${slug}/servers/${serverId}`);
  await expect(page.getByRole('heading', { level: 1, name: 'web-1' })).toBeVisible();
  await page.evaluate(() => Object.assign(window, { stillTheSame: true }));
  await plane.stop('SIGKILL');
  await expect(page.getByText('oCore does not answer').first()).toBeVisible();
  // What was known stays.
  await expect(page.getByRole('heading', { level: 1, name: 'web-1' })).toBeVisible();
  await plane.up();
  await expect(page.getByText('oCore does not answer')).toHaveCount(0, { timeout: 30_000 });
  const owner = (await acme(plane)).owner;
  await owner.send('POST', `/api/servers/${serverId}/cordon`);
  await expect(page.getByText(/cordoned/i).first()).toBeVisible({ timeout: 5_000 });
  await owner.send('POST', `/api/servers/${serverId}/uncordon`);
  expect(await page.evaluate(() => 'stillTheSame' in window)).toBe(true);
});
