/** Every page there is, read from the folders: a new one is looked at without being listed anywhere. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROUTES = fileURLToPath(new URL('../../src/routes', import.meta.url));

/** The addresses of all pages, with their parameters as they are: `/o/[org]/servers/[id]`. */
export function routes(folder = ROUTES, path = ''): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isFile()) return entry.name === '+page.svelte' ? [path || '/'] : [];
    // A folder in parentheses groups, and is no part of an address.
    const part = entry.name.startsWith('(') ? '' : `/${entry.name}`;
    return routes(join(folder, entry.name), path + part);
  });
}

/** An address with its parameters filled in. What stands for nothing is a fault of the test. */
export function fill(route: string, things: Record<string, string>): string {
  return route.replace(/\/([^/]+)\/\[+(?:\.\.\.)?(\w+)(?:=\w+)?\]+/g, (_, parent: string, name: string) => {
    const value = things[`${parent}/${name}`];
    if (value === undefined) throw new Error(`tests know no ${parent}/${name} for ${route}`);
    return `/${parent}/${value}`;
  });
}
