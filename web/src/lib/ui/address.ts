/** What is chosen on a page, kept in its address: it can be linked to, and it is there again when one comes back. */

import { goto } from '$app/navigation';
import { page } from '$app/state';

/** A choice in the address. */
export function chosen(name: string): string | undefined {
  return page.url.searchParams.get(name) || undefined;
}

/** Changes choices; one that is empty is taken out. */
export function choose(choices: Record<string, string | undefined>): void {
  const url = new URL(page.url.href);
  for (const [name, value] of Object.entries(choices)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  void goto(url, { reset: false, replace: true });
}
