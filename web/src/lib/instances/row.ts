/** What the list shows of an instance: little of it, so that thousands fit and are quickly compared. */

import type { EnvironmentType, Health, Instance, InstanceStatus } from '#lib/api/schema.d.ts';

export interface Row {
  id: string;
  name: string;
  slug: string;
  serverId: string;
  serverName: string;
  version: string;
  environment: EnvironmentType;
  group: string;
  status: InstanceStatus;
  statusMessage: string;
  health: Health;
  healthDetail: string;
  /** When health was looked at, in milliseconds; 0 for never. */
  observed: number;
  /** Everything that is searched, in small letters. */
  text: string;
}

/** What a state is called, so that one finds it by the word one reads. */
export type Say = (of: 'status' | 'health' | 'environment', value: string) => string;

export function rowOf(instance: Instance, say: Say): Row {
  const row: Row = {
    id: instance.id,
    name: instance.name,
    slug: instance.slug,
    serverId: instance.serverId,
    serverName: instance.serverName,
    version: instance.odooVersion,
    environment: instance.environmentType,
    group: instance.placementGroup ?? '',
    status: instance.status,
    statusMessage: instance.statusMessage ?? '',
    health: instance.health,
    healthDetail: instance.healthDetail ?? '',
    observed: instance.observedAt ? Date.parse(instance.observedAt) : 0,
    text: '',
  };
  row.text = [
    row.name,
    row.slug,
    row.serverName,
    row.version,
    row.group,
    row.status,
    say('status', row.status),
    row.health,
    say('health', row.health),
    row.environment,
    say('environment', row.environment),
  ]
    .join('\n')
    .toLowerCase();
  return row;
}

export function byId(rows: Row[]): ReadonlyMap<string, Row> {
  return new Map(rows.map((row) => [row.id, row]));
}

/** Each instance once, as it was read last: it may have come to another page while they were read. */
export function distinct(rows: Row[]): Row[] {
  return [...byId(rows).values()];
}

/** The new rows, each as the very object it was where nothing of it changed: what did not change is not drawn again. */
export function kept(before: ReadonlyMap<string, Row>, rows: Row[]): Row[] {
  return rows.map((row) => {
    const old = before.get(row.id);
    return old && isSame(old, row) ? old : row;
  });
}

function isSame(a: Row, b: Row): boolean {
  return (Object.keys(a) as (keyof Row)[]).every((key) => a[key] === b[key]);
}
