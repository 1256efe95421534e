/** What a form changes of an instance: what is sent, and what is shown before that. */

import type { Instance, UpdateInstance } from '#lib/api/schema.d.ts';
import { bytes, cpus } from '#lib/format/amount.ts';
import { forChange, type Variable } from './env';
import { fieldsOf, memoryFor, settingsOf, type Fields, type Settings } from './fields';

/** Something that will be other than it is; undefined where there is no value. */
export interface Change {
  /** A key of `instances:field`, or the name of an environment variable. */
  field: keyof Settings | 'name' | { variable: string };
  before: string | undefined;
  after: string | undefined;
  /** It follows from another one. */
  follows?: true;
  /** A value that is not shown takes the place of another. */
  replaced?: true;
}

/** Stands for a value that is not shown. */
export const HIDDEN = '••••••';

const SHOWN: Partial<Record<keyof Settings, (value: number) => string>> = {
  memoryLimitBytes: bytes,
  limitMemorySoft: bytes,
  limitMemoryHard: bytes,
  cpuLimitMillis: cpus,
  limitTimeCpu: (seconds) => `${seconds} s`,
  limitTimeReal: (seconds) => `${seconds} s`,
};

function shown(field: keyof Settings, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  return SHOWN[field]?.(value as number) ?? String(value);
}

/** The changes, and the request that makes them; only what differs is sent. */
export function changesOf(
  instance: Instance,
  name: string,
  fields: Fields,
  variables: Variable[],
): { list: Change[]; body: UpdateInstance; restarts: boolean } {
  const list: Change[] = [];
  const body: UpdateInstance = {};
  if (name.trim() !== instance.name) {
    list.push({ field: 'name', before: instance.name, after: name.trim() });
    body.name = name.trim();
  }
  const before = settingsOf(fieldsOf(instance));
  const after = settingsOf(fields);
  for (const field of Object.keys(after) as (keyof Settings)[]) {
    if (after[field] === before[field]) continue;
    // An empty CPU limit follows the workers again; anything else that is empty stays as it is.
    const value = field === 'cpuLimitMillis' ? (after[field] ?? null) : after[field];
    if (value === undefined) continue;
    Object.assign(body, { [field]: value });
    list.push({ field, before: shown(field, before[field]), after: shown(field, value) });
  }
  const workers = body.workers ?? instance.workers;
  const followed = instance.memoryLimitBytes === memoryFor(instance.workers);
  if (workers !== instance.workers && followed && body.memoryLimitBytes === undefined) {
    list.push({
      field: 'memoryLimitBytes',
      before: shown('memoryLimitBytes', instance.memoryLimitBytes),
      after: shown('memoryLimitBytes', memoryFor(workers)),
      follows: true,
    });
  }
  const envVars = forChange(variables);
  if (envVars) {
    body.envVars = envVars;
    for (const of of variables.filter((one) => one.what !== 'keep' && one.name.trim())) {
      list.push({
        field: { variable: of.name.trim() },
        before: of.known ? HIDDEN : undefined,
        after: of.what === 'remove' ? undefined : HIDDEN,
        replaced: of.known && of.what === 'set' ? true : undefined,
      });
    }
  }
  return { list, body, restarts: list.some((change) => change.field !== 'name') };
}

/** An instance as it would be with a change of its settings. */
export function laidOver(instance: Instance, body: UpdateInstance): Instance {
  const settings = Object.entries(body).filter(([field]) => field !== 'name' && field !== 'envVars');
  return { ...instance, ...Object.fromEntries(settings) };
}
