/** The settings of an instance as they are typed, and as the API takes them. */

import type { Instance, UpdateInstance } from '#lib/api/schema.d.ts';

/** What a control for a number holds. */
export type Amount = number | string | null | undefined;

export interface Fields {
  image: string;
  workers: Amount;
  /** GiB. */
  memory: Amount;
  /** Cores. */
  cpu: Amount;
  cronThreads: Amount;
  /** MiB. */
  soft: Amount;
  /** MiB. */
  hard: Amount;
  /** Seconds. */
  timeCpu: Amount;
  /** Seconds. */
  timeReal: Amount;
  logLevel: string;
}

export const NONE: Fields = {
  image: '',
  workers: null,
  memory: null,
  cpu: null,
  cronThreads: null,
  soft: null,
  hard: null,
  timeCpu: null,
  timeReal: null,
  logLevel: '',
};

export const LOG_LEVELS = [
  'critical',
  'error',
  'warn',
  'info',
  'debug',
  'debug_sql',
  'debug_rpc',
  'debug_rpc_answer',
];
export const VERSIONS = ['19.0', '18.0', '17.0', '20.0'] as const;
export const ENVIRONMENTS = ['production', 'staging', 'development'] as const;

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;
/** What an instance is expected to need on disk when nothing else is said. */
export const DISK = 2 * GIB;

/** What oCore takes where nothing is typed; workers and what follows from them apart. */
export const DEFAULTS = {
  cronThreads: 2,
  soft: 2048,
  hard: 2560,
  timeCpu: 60,
  timeReal: 120,
  logLevel: 'info',
};

/** The memory limit for some workers in bytes, by oCore's own rule. */
export function memoryFor(workers: number): number {
  return ((1536 + 512 * workers) * MIB * 5) / 4;
}

/** The CPU limit for some workers in cores, on a server that has as many. */
export function coresFor(workers: number): number {
  return Math.max(2, Math.ceil(workers / 2) + 1);
}

/** The number that was typed; undefined where there is none. */
export function num(typed: Amount): number | undefined {
  if (typed === null || typed === undefined || String(typed).trim() === '') return undefined;
  const value = Number(String(typed).replace(',', '.'));
  return Number.isFinite(value) ? value : undefined;
}

function times(typed: Amount, unit: number): number | undefined {
  const value = num(typed);
  return value === undefined ? undefined : Math.round(value * unit);
}

/** The settings that can be changed, as the API calls them. */
export type Settings = Omit<UpdateInstance, 'name' | 'envVars'>;

/** Of what was typed, what the API is told; nothing of what was left empty. */
export function settingsOf(fields: Fields): Settings {
  return {
    image: fields.image.trim() || undefined,
    workers: times(fields.workers, 1),
    memoryLimitBytes: times(fields.memory, GIB),
    cpuLimitMillis: times(fields.cpu, 1000),
    maxCronThreads: times(fields.cronThreads, 1),
    limitMemorySoft: times(fields.soft, MIB),
    limitMemoryHard: times(fields.hard, MIB),
    limitTimeCpu: times(fields.timeCpu, 1),
    limitTimeReal: times(fields.timeReal, 1),
    logLevel: fields.logLevel || undefined,
  };
}

/** An instance's settings to be typed over. */
export function fieldsOf(instance: Instance): Fields {
  const cpu = instance.cpuLimitMillis;
  return {
    image: instance.image,
    workers: instance.workers,
    memory: round(instance.memoryLimitBytes / GIB),
    cpu: cpu === null || cpu === undefined ? null : cpu / 1000,
    cronThreads: instance.maxCronThreads,
    soft: round(instance.limitMemorySoft / MIB),
    hard: round(instance.limitMemoryHard / MIB),
    timeCpu: instance.limitTimeCpu,
    timeReal: instance.limitTimeReal,
    logLevel: instance.logLevel,
  };
}

function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** A slug for a name: letters without their marks, and hyphens for all else. */
export function slugOf(name: string): string {
  return name
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 40)
    .replace(/-+$/, '');
}
