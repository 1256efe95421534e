import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import first from './en/first.ts';

const src = join(import.meta.dirname, '../..');
const pages = [
  'routes/+layout.svelte',
  'routes/+error.svelte',
  'routes/o/[org]/+layout.svelte',
  'routes/o/[org]/+page.svelte',
];

/** A page's own files, with all that they bring in at once or later. */
function filesOf(pages: string[]): string[] {
  const known = new Set<string>();
  const next = pages.map((page) => join(src, page));
  for (let file = next.pop(); file !== undefined; file = next.pop()) {
    if (known.has(file) || !existsSync(file) || file.includes('/messages/')) continue;
    known.add(file);
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()'([#.][^']+)'/g))
      next.push(name.startsWith('#lib/') ? join(src, 'lib', name.slice(5)) : join(dirname(file), name));
  }
  return [...known];
}

test('the overview and what is around it say only words that are loaded first', () => {
  const files = filesOf(pages);
  expect(files.length).toBeGreaterThan(40);
  const said = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/['"`]([a-z]+):[a-zA-Z_$.{}]+/g)].map(([, area]) => ({
      area,
      file,
    })),
  );
  const known = Object.keys(first);
  const areas = [...known, 'access', 'account', 'admin', 'alerts', 'instances', 'servers', 'start'];
  const later = said.filter(({ area = '' }) => areas.includes(area) && !known.includes(area));
  expect(later).toEqual([]);
  expect(said.filter(({ area = '' }) => known.includes(area)).length).toBeGreaterThan(50);
});
