/** Every page: no serious fault of accessibility, no sideways scrolling, nothing that its policy forbids; with pictures. */

import { mkdirSync } from 'node:fs';
import { acme, expect, OWNER, signIn, test, type Acme } from './support/world.ts';
import { addresses, faults, isTooWide, open, THEMES, WIDTHS, type Things } from './support/walk.ts';

/** Where pictures go; none are taken without. */
const PICTURES = process.env.OCORE_SCREENSHOTS;

/** What the parameters of addresses stand for. */
async function things({ owner, slug, serverId, instanceId, operationId }: Acme): Promise<Things> {
  const { organization, user } = await owner.send<{ organization: { id: string }; user: { id: string } }>(
    'GET',
    '/api/auth/me',
  );
  const events = await owner.send<{ data: { id: string }[] }>('GET', '/api/monitoring/alerts/events');
  return {
    'o/org': slug,
    'servers/id': serverId,
    'instances/id': instanceId,
    'operations/id': operationId,
    'users/id': user.id,
    'organizations/id': organization.id,
    // Where there is no alert, its page says so.
    'alerts/id': events.data[0]?.id ?? '00000000-0000-7000-8000-000000000000',
    'invitations/ticket': 'not-a-token',
    'join/ticket': 'not-a-code',
  };
}

for (const theme of THEMES) {
  for (const [width, pixels] of Object.entries(WIDTHS)) {
    test(`every page in ${theme}, ${width}`, async ({ browser, plane }) => {
      test.setTimeout(600_000);
      const made = await acme(plane);
      const { inside, outside } = addresses(await things(made));
      const context = await browser.newContext({
        colorScheme: theme,
        viewport: { width: pixels, height: 900 },
        locale: 'en-GB',
      });
      const page = await context.newPage();
      const wrong: string[] = [];
      let path = '';
      page.on('console', (message) => {
        if (/Content.Security.Policy|Refused to/i.test(message.text()))
          wrong.push(`${path}: ${message.text()}`);
      });
      page.on('pageerror', (error) => wrong.push(`${path}: ${error}`));
      const look = async () => {
        await open(page, plane.url + path);
        wrong.push(...(await faults(page)).map((fault) => `${path}: ${fault}`));
        if (await isTooWide(page)) wrong.push(`${path}: is wider than the screen`);
        if (PICTURES) {
          mkdirSync(PICTURES, { recursive: true });
          const name =
            path
              .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'id')
              .replaceAll('/', '_')
              .slice(1) || 'root';
          await page.screenshot({ path: `${PICTURES}/${name}.${theme}.${width}.png`, fullPage: true });
        }
      };
      for (path of outside) await look();
      await signIn(page, plane, OWNER);
      for (path of inside) await look();
      await context.close();
      expect(wrong).toEqual([]);
    });
  }
}
