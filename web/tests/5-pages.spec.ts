/** Every page: no serious fault of accessibility, no sideways scrolling, nothing that its policy forbids; with pictures. */

import { mkdirSync } from 'node:fs';
import { acme, Client, expect, OWNER, signIn, test, type Acme } from './support/world.ts';
import { addresses, faults, isTooWide, open, THEMES, WIDTHS, type Things } from './support/walk.ts';

/** Where pictures go; none are taken without. */
const PICTURES = process.env.OCORE_SCREENSHOTS;

/** In which ways each page is looked at: each theme and each width once, and all of both for pictures. */
const WAYS: [(typeof THEMES)[number], keyof typeof WIDTHS][] = PICTURES
  ? [
      ['light', 'wide'],
      ['light', 'narrow'],
      ['dark', 'wide'],
      ['dark', 'narrow'],
    ]
  : [
      ['light', 'wide'],
      ['dark', 'narrow'],
    ];

/** An alert that is sure to come: of a rule whose threshold is always passed. */
async function alert({ owner }: Acme): Promise<string> {
  interface Listed {
    data: { id: string; metric: string }[];
  }
  const metric = 'ramUsagePercent';
  const open = async () =>
    (await owner.send<Listed>('GET', '/api/monitoring/alerts/events')).data.find(
      (of) => of.metric === metric,
    );
  if (!(await open())) {
    await owner.send('POST', '/api/monitoring/alerts/rules', {
      name: 'Memory is in use at all',
      metric,
      operator: 'gt',
      threshold: 0.1,
      clearThreshold: 0,
      minutes: 1,
    });
  }
  await expect.poll(open, { timeout: 240_000, intervals: [2_000] }).toBeTruthy();
  return (await open())?.id ?? '';
}

/** What the parameters of addresses stand for. */
async function things({ owner, slug, serverId, instanceId, operationId }: Acme): Promise<Things> {
  const { organization, user } = await owner.send<{ organization: { id: string }; user: { id: string } }>(
    'GET',
    '/api/auth/me',
  );
  return {
    'o/org': slug,
    'servers/id': serverId,
    'instances/id': instanceId,
    'operations/id': operationId,
    'users/id': user.id,
    'organizations/id': organization.id,
    // Where there is none, its page says so.
    'alerts/id': '00000000-0000-7000-8000-000000000000',
    'invitations/ticket': 'not-a-token',
    'join/ticket': 'not-a-code',
  };
}

test('every page holds, in both themes, wide and narrow', async ({ page, plane }) => {
  test.setTimeout(900_000);
  const wrong: string[] = [];
  let path = '';
  page.on('console', (message) => {
    if (/Content.Security.Policy|Refused to/i.test(message.text())) wrong.push(`${path}: ${message.text()}`);
  });
  page.on('pageerror', (error) => wrong.push(`${path}: ${error}`));
  const look = async (called?: string) => {
    await open(page, plane.url + path);
    for (const [theme, width] of WAYS) {
      await page.setViewportSize({ width: WIDTHS[width], height: 900 });
      await page.emulateMedia({ colorScheme: theme });
      await expect(page.locator('html')).toHaveClass(theme === 'dark' ? /dark/ : /^$/);
      wrong.push(...(await faults(page)).map((fault) => `${path}, ${theme}, ${width}: ${fault}`));
      if (await isTooWide(page)) wrong.push(`${path}, ${width}: is wider than the screen`);
      if (PICTURES) {
        mkdirSync(PICTURES, { recursive: true });
        const name =
          called ??
          (path
            .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'id')
            .replaceAll('/', '_')
            .slice(1) ||
            'root');
        await page.screenshot({ path: `${PICTURES}/${name}.${theme}.${width}.png`, fullPage: true });
      }
    }
  };
  // The first start is there until somebody has an account.
  const { needsFirstAccount } = await Client.nobody(plane).send<{ needsFirstAccount: boolean }>(
    'GET',
    '/api/auth/setup',
  );
  path = '/start';
  if (needsFirstAccount) await look();
  const made = await acme(plane);
  const comes = alert(made);
  // It is waited for at the end, and what went wrong is told there.
  comes.catch(() => undefined);
  const { inside, outside } = addresses(await things(made));
  for (path of outside.filter((of) => of !== '/start' || !needsFirstAccount)) await look();
  await page.setViewportSize({ width: WIDTHS.wide, height: 900 });
  await signIn(page, plane, OWNER);
  for (path of inside) await look();
  path = `/o/${made.slug}/alerts/${await comes}`;
  await look('alert');
  // What goes anywhere stands above every page.
  await page.keyboard.press('Control+k');
  await page.getByRole('option').first().waitFor();
  wrong.push(...(await faults(page)).map((fault) => `palette: ${fault}`));
  expect(wrong).toEqual([]);
});
