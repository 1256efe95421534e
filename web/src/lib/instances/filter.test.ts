import { describe, expect, it } from 'vitest';
import type { Instance } from '#lib/api/schema.d.ts';
import { ALL, filter, readSort, sort, values, writeSort } from './filter';
import { kept, rowOf, type Row } from './row';

function row(of: Partial<Instance>): Row {
  const instance = {
    id: 'id',
    name: 'Acme Prod',
    slug: 'acme-prod',
    serverId: 's1',
    serverName: 'web1',
    odooVersion: '19.0',
    environmentType: 'production',
    status: 'running',
    health: 'healthy',
    observedAt: '2026-01-02T03:04:05Z',
    ...of,
  } as Instance;
  return rowOf(instance, (_, value) => (value === 'stopped' ? 'arrêtée' : value));
}

const acme = row({ id: '1' });
const shop = row({
  id: '2',
  name: 'Shop 10',
  slug: 'shop',
  serverId: 's2',
  serverName: 'web2',
  status: 'stopped',
  health: 'unknown',
  environmentType: 'staging',
  placementGroup: 'north',
});
const old = row({ id: '3', name: 'shop 9', slug: 'old', odooVersion: '18.0', health: 'down' });
const all = [acme, shop, old];
const names = (rows: Row[]) => rows.map((one) => one.name);

describe('filter', () => {
  it('finds by every field that is searched, all words, whatever their case', () => {
    const found = (search: string) => names(filter(all, { ...ALL, search }));
    expect(found('ACME')).toEqual(['Acme Prod']);
    expect(found('web2')).toEqual(['Shop 10']);
    expect(found('18.0')).toEqual(['shop 9']);
    expect(found('arrêtée')).toEqual(['Shop 10']);
    expect(found('stopped')).toEqual(['Shop 10']);
    expect(found('down')).toEqual(['shop 9']);
    expect(found('staging')).toEqual(['Shop 10']);
    expect(found('north')).toEqual(['Shop 10']);
    expect(found('shop  web1')).toEqual(['shop 9']);
    expect(found('shop web3')).toEqual([]);
    expect(found('prod\nweb')).toEqual(['Acme Prod', 'shop 9']);
    expect(filter(all, ALL)).toBe(all);
  });

  it('takes what was chosen', () => {
    expect(names(filter(all, { ...ALL, server: 's1' }))).toEqual(['Acme Prod', 'shop 9']);
    expect(names(filter(all, { ...ALL, server: 's1', health: 'down' }))).toEqual(['shop 9']);
    expect(names(filter(all, { ...ALL, group: 'north', search: 'acme' }))).toEqual([]);
    expect(values(all, 'server')).toEqual([
      ['s1', 'web1'],
      ['s2', 'web2'],
    ]);
    expect(values(all, 'group')).toEqual([['north', 'north']]);
  });

  it('orders by columns, numbers as numbers', () => {
    expect(names(sort(all, { by: 'name', down: false }))).toEqual(['Acme Prod', 'shop 9', 'Shop 10']);
    expect(names(sort(all, { by: 'name', down: true }))).toEqual(['Shop 10', 'shop 9', 'Acme Prod']);
    expect(names(sort(all, { by: 'version', down: false }))).toEqual(['shop 9', 'Acme Prod', 'Shop 10']);
    for (const text of ['name', '-observed', 'group']) expect(writeSort(readSort(text))).toBe(text);
    expect(writeSort(readSort('-nonsense'))).toBe('name');
    expect(writeSort(readSort(null))).toBe('name');
  });

  it('is right among 5,000', () => {
    const many = Array.from({ length: 5_000 }, (_, at) =>
      row({
        id: String(at),
        name: `Shop ${at}`,
        slug: `shop-${at}`,
        serverId: `s${at % 40}`,
        serverName: `web${at % 40}`,
        health: at % 100 === 0 ? 'down' : 'healthy',
      }),
    );
    const began = performance.now();
    const sorted = sort(many, { by: 'name', down: true });
    const ordered = performance.now();
    const found = filter(sorted, { ...ALL, search: 'shop web7', health: 'down' });
    const ended = performance.now();
    console.info(`5,000 rows: sorted in ${ordered - began} ms, filtered in ${ended - ordered} ms`);
    expect(sorted[0]?.name).toBe('Shop 4999');
    expect(found).toHaveLength(0);
    const expected = many.filter((_, at) => at % 100 === 0 && at % 40 === 20);
    const those = filter(sorted, { ...ALL, search: 'web20', health: 'down' });
    expect(new Set(those)).toEqual(new Set(expected));
    expect(expected.length).toBeGreaterThan(0);
  });
});

describe('kept', () => {
  it('keeps the object of what did not change', () => {
    const before = new Map(all.map((one) => [one.id, one]));
    const [same, changed] = kept(before, [row({ id: '1' }), row({ id: '3', health: 'healthy' })]);
    expect(same).toBe(acme);
    expect(changed).not.toBe(old);
    expect(changed?.health).toBe('healthy');
  });
});
