/** What the address of a page says beside its path: search, filter and sort, so that a view can be linked to. */

import { goto } from '$app/navigation';
import { page } from '$app/state';

/** A parameter of the address; empty when it is not there. */
export function asked(name: string): string {
  return page.url.searchParams.get(name) ?? '';
}

/** Changes parameters; those that are empty go. */
export function put(values: Record<string, string>): Promise<void> {
  const url = new URL(page.url.href);
  for (const [name, value] of Object.entries(values)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  return goto(url, { replace: true, reset: false });
}
