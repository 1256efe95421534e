/** The Content-Security-Policy, tried in the browser: what somebody smuggles into a page is not run. */

import { expect, test } from './support/world.ts';

test('no script runs that is not ours', async ({ page, plane }) => {
  const answer = await page.goto(`${plane.url}/login`);
  const policy = answer?.headers()['content-security-policy'] ?? '';
  const scripts = /script-src ([^;]*)/.exec(policy)?.[1] ?? '';
  expect(scripts).toContain("'self'");
  expect(scripts).not.toContain('unsafe');
  expect(policy).toContain("default-src 'none'");
  await page.getByRole('heading', { level: 1 }).waitFor();
  const ran = await page.evaluate(async () => {
    const reports: string[] = [];
    document.addEventListener('securitypolicyviolation', (event) => reports.push(event.effectiveDirective));
    const inline = document.createElement('script');
    inline.textContent = 'window.smuggled = 1';
    document.head.append(inline);
    const handler = document.createElement('img');
    handler.setAttribute('onerror', 'window.smuggled = 2');
    handler.src = 'data:,';
    document.body.append(handler);
    const elsewhere = document.createElement('script');
    elsewhere.src = 'http://127.0.0.2:9/x.js';
    document.head.append(elsewhere);
    let evaluated = false;
    try {
      evaluated = new Function('return true')();
    } catch {
      // As it should be.
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    return { smuggled: 'smuggled' in window, evaluated, reports };
  });
  expect(ran.smuggled).toBe(false);
  expect(ran.evaluated).toBe(false);
  expect(ran.reports).toContain('script-src-elem');
  expect(ran.reports).toContain('script-src-attr');
});
