import { expect, test, vi } from 'vitest';
import type { Candidate, Instance } from '#lib/api/schema.d.ts';
import { moveOf } from './forecast';

// Nothing is asked here.
vi.mock('#lib/api/client.ts', () => ({ api: {}, body: () => undefined }));

const instance = { id: 'i', name: 'shop' } as Instance;
const server = (serverId: string, score: number | null, text = ''): Candidate => ({
  serverId,
  serverName: serverId,
  score,
  reasons: [{ code: 'memory', text, figures: {} }],
  takes: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 },
});

test('it goes to the best server that is another one', () => {
  const servers = [server('a', 90), server('b', 70), server('c', null)];
  expect(moveOf(instance, 'a', { servers })).toEqual({ instance, to: 'b' });
});

test('where none takes it, what stands in the way is told', () => {
  const servers = [server('a', 90), server('c', null, 'too little memory')];
  expect(moveOf(instance, 'a', { servers })).toEqual({ instance, why: 'c: too little memory' });
  expect(moveOf(instance, 'a', { servers: [] })).toEqual({ instance, why: undefined });
});
