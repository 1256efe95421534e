/** Every page, as it looks: both themes, wide and narrow. */

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { fill, routes } from './routes.ts';

export const THEMES = ['light', 'dark'] as const;
export const WIDTHS = { wide: 1280, narrow: 380 } as const;

/** What the parameters of addresses stand for. */
export type Things = Record<string, string>;

/** The pages for who is signed in, and those for who is not; by their addresses. */
export function addresses(things: Things): { inside: string[]; outside: string[] } {
  const all = routes().map((route) => fill(route, things));
  const isOutside = (path: string) =>
    /^\/(login|signup|start|forgot-password|reset-password|verify-email|verify-email-change|invitations|join)\b/.test(
      path,
    );
  // The first page only leads on, and so do the links of mails.
  const leads = (path: string) => path === '/' || path.startsWith('/monitoring/');
  const shown = all.filter((path) => !leads(path)).sort();
  return { inside: shown.filter((path) => !isOutside(path)), outside: shown.filter(isOutside) };
}

/** Opens a page and waits until it shows what it has. */
export async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  // Skeletons are gone when everything was answered.
  await page
    .waitForFunction(() => document.querySelectorAll('.animate-pulse.bg-raised').length === 0, undefined, {
      timeout: 10_000,
    })
    .catch(() => undefined);
}

/** Serious faults of accessibility, as one line each. */
export async function faults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter((fault) => fault.impact === 'serious' || fault.impact === 'critical')
    .flatMap((fault) =>
      fault.nodes.map((node) => `${fault.id}: ${node.target.join(' ')}: ${node.html.slice(0, 160)}`),
    );
}

/** Whether the page can be scrolled sideways, which none should. */
export function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth + 1);
}
