import { describe, expect, it, vi } from 'vitest';
import type { Instance } from '#lib/api/schema.d.ts';

// What is asked of the browser.
vi.mock('#lib/messages/index.ts', () => ({ language: () => 'en', locale: () => 'en' }));

import { changesOf } from './changes';
import { forChange, forCreation, nameFault, variablesOf, type Variable } from './env';
import { fieldsOf, GIB, memoryFor, MIB, NONE, num, settingsOf, slugOf } from './fields';
import { labelsFault, preferencesOf, ANYWHERE } from './preferences';

const instance = {
  name: 'Acme',
  image: 'odoo:19',
  workers: 2,
  memoryLimitBytes: memoryFor(2),
  cpuLimitMillis: null,
  maxCronThreads: 2,
  limitMemorySoft: 2048 * MIB,
  limitMemoryHard: 2560 * MIB,
  limitTimeCpu: 60,
  limitTimeReal: 120,
  logLevel: 'info',
  envVars: { B: null, A: null },
} as unknown as Instance;
const variable = (name: string, value = '', what: Variable['what'] = 'set', known = false): Variable => ({
  name,
  value,
  what,
  known,
});

describe('fields', () => {
  it('turn into what the API takes', () => {
    expect(
      settingsOf({ ...NONE, memory: '1,5', cpu: 0.5, soft: 10, workers: 0, image: ' odoo:19 ' }),
    ).toEqual({
      memoryLimitBytes: 1.5 * GIB,
      cpuLimitMillis: 500,
      limitMemorySoft: 10 * MIB,
      workers: 0,
      image: 'odoo:19',
    });
    expect(num('x')).toBeUndefined();
  });

  it('make slugs', () => {
    expect(slugOf('Acme Prod')).toBe('acme-prod');
    expect(slugOf(' Café  d’Été! ')).toBe('cafe-d-ete');
    expect(slugOf('x'.repeat(39) + ' y')).toBe('x'.repeat(39));
    expect(slugOf('日本')).toBe('');
  });
});

describe('changes', () => {
  const none = variablesOf(instance.envVars);

  it('are none when nothing was typed', () => {
    const { list, body, restarts } = changesOf(instance, 'Acme', fieldsOf(instance), none);
    expect({ list, body, restarts }).toEqual({ list: [], body: {}, restarts: false });
    expect(changesOf(instance, ' New ', fieldsOf(instance), none)).toMatchObject({
      body: { name: 'New' },
      restarts: false,
    });
  });

  it('tell that memory follows the workers, unless it was chosen', () => {
    const fields = { ...fieldsOf(instance), workers: 4 };
    const followed = changesOf(instance, 'Acme', fields, none);
    expect(followed.body).toEqual({ workers: 4 });
    expect(
      followed.list.map((change) => [change.field, change.before, change.after, change.follows]),
    ).toEqual([
      ['workers', '2', '4', undefined],
      ['memoryLimitBytes', '3.1 GiB', '4.4 GiB', true],
    ]);
    const both = changesOf(instance, 'Acme', { ...fields, memory: 6 }, none);
    expect(both.body).toEqual({ workers: 4, memoryLimitBytes: 6 * GIB });
    const chosen = { ...instance, memoryLimitBytes: 5 * GIB };
    expect(changesOf(chosen, 'Acme', { ...fieldsOf(chosen), workers: 4 }, none).list).toHaveLength(1);
  });

  it('let the CPU limit follow again when it is emptied', () => {
    const limited = { ...instance, cpuLimitMillis: 1500 };
    const { body, list } = changesOf(limited, 'Acme', { ...fieldsOf(limited), cpu: null }, none);
    expect(body).toEqual({ cpuLimitMillis: null });
    expect(list[0]).toMatchObject({ before: '1.5 CPU', after: undefined });
    expect(changesOf(instance, 'Acme', { ...fieldsOf(instance), workers: null }, none).body).toEqual({});
  });

  it('never show a value of the environment', () => {
    const variables = [
      variable('A', '', 'remove', true),
      variable('B', 'canary', 'set', true),
      variable('C', 'canary'),
      variable(''),
    ];
    const { body, list } = changesOf(instance, 'Acme', fieldsOf(instance), variables);
    expect(body.envVars).toEqual({ B: 'canary', C: 'canary' });
    expect(JSON.stringify(list)).not.toContain('canary');
    expect(list.map((change) => change.field)).toEqual([
      { variable: 'A' },
      { variable: 'B' },
      { variable: 'C' },
    ]);
  });
});

describe('environment variables', () => {
  it('keep, replace and remove', () => {
    expect(forChange(variablesOf({ A: null }))).toBeUndefined();
    expect(forChange([variable('A', '', 'keep', true), variable('N', '1')])).toEqual({ A: null, N: '1' });
    expect(forChange([variable('A', '', 'remove', true)])).toEqual({});
    expect(forCreation([variable(' A ', 'x'), variable('')])).toEqual({ A: 'x' });
  });

  it('are named as the API wants it', () => {
    const fault = (name: string, all: Variable[] = []) => nameFault(variable(name, 'x'), all);
    expect(['A-B', '1A', '', 'É'].map((name) => fault(name))).toEqual(Array(4).fill('name'));
    expect(['PGHOST', 'PATH'].map((name) => fault(name))).toEqual(['reserved', 'reserved']);
    expect(fault('A', [variable('A')])).toBe('twice');
    expect(fault('SMTP_HOST')).toBeUndefined();
  });
});

describe('preferences', () => {
  it('are read', () => {
    const typed = { country: 'de ', region: '', labels: 'disk=nvme, rack = 3', tolerations: 'gpu\nzone=old' };
    expect(preferencesOf(typed)).toEqual({
      country: 'DE',
      region: undefined,
      labels: { disk: 'nvme', rack: '3' },
      tolerations: [
        { key: 'gpu', value: undefined },
        { key: 'zone', value: 'old' },
      ],
    });
    expect(labelsFault(typed)).toBe(false);
    expect(labelsFault({ ...ANYWHERE, labels: 'disk' })).toBe(true);
  });
});
