/** Which instances are shown, and in which order: all in the browser, for thousands of them at each letter typed. */

import type { Row } from './row';

/** The filters of which one value is chosen; an empty one takes all. */
export const FACETS = ['server', 'status', 'health', 'version', 'environment', 'group'] as const;
export type Facet = (typeof FACETS)[number];

export interface Wanted extends Record<Facet, string> {
  search: string;
}

export const ALL: Wanted = {
  search: '',
  server: '',
  status: '',
  health: '',
  version: '',
  environment: '',
  group: '',
};

const VALUE: Record<Facet, (row: Row) => string> = {
  server: (row) => row.serverId,
  status: (row) => row.status,
  health: (row) => row.health,
  version: (row) => row.version,
  environment: (row) => row.environment,
  group: (row) => row.group,
};

/** The rows that have every word that was typed, anywhere, and every value that was chosen. */
export function filter(rows: Row[], wanted: Wanted): Row[] {
  const words = wanted.search.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = FACETS.filter((facet) => wanted[facet] !== '');
  if (words.length === 0 && chosen.length === 0) return rows;
  return rows.filter(
    (row) =>
      chosen.every((facet) => VALUE[facet](row) === wanted[facet]) &&
      words.every((word) => row.text.includes(word)),
  );
}

/** The values a filter can take, each once, as [value, name] in order of their names. */
export function values(rows: Row[], facet: Facet): [string, string][] {
  const found = new Map<string, string>();
  for (const row of rows) {
    const value = VALUE[facet](row);
    if (value && !found.has(value)) found.set(value, facet === 'server' ? row.serverName : value);
  }
  return [...found].sort((a, b) => COLLATOR.compare(a[1], b[1]));
}

export const COLUMNS = [
  'name',
  'status',
  'health',
  'server',
  'version',
  'environment',
  'group',
  'observed',
] as const;
export type Column = (typeof COLUMNS)[number];

/** By a column, upwards or downwards. */
export interface Sort {
  by: Column;
  down: boolean;
}

/** As it stands in the address: `name`, `-name`. What cannot be read is by name. */
export function readSort(text: string | null): Sort {
  const down = text?.startsWith('-') ?? false;
  const by = COLUMNS.find((column) => column === (down ? text?.slice(1) : text));
  return by ? { by, down } : { by: 'name', down: false };
}

export function writeSort({ by, down }: Sort): string {
  return down ? `-${by}` : by;
}

const COLLATOR = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

const KEY: Record<Exclude<Column, 'observed'>, (row: Row) => string> = {
  name: (row) => row.name,
  status: (row) => row.status,
  health: (row) => row.health,
  server: (row) => row.serverName,
  version: (row) => row.version,
  environment: (row) => row.environment,
  group: (row) => row.group,
};

/** The rows in an order; those that are equal in it are by name, and always stand alike. */
export function sort(rows: Row[], { by, down }: Sort): Row[] {
  const turn = down ? -1 : 1;
  const first =
    by === 'observed'
      ? (a: Row, b: Row) => a.observed - b.observed
      : (a: Row, b: Row) => COLLATOR.compare(KEY[by](a), KEY[by](b));
  return [...rows].sort(
    (a, b) => turn * first(a, b) || COLLATOR.compare(a.name, b.name) || (a.id < b.id ? -1 : 1),
  );
}
