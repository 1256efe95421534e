import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const slug = 'acme';
vi.mock('#lib/session/current.svelte.ts', () => ({ current: { slug: 'acme' } }));
const { dropAhead, takeAhead } = await import('./ahead.ts');

const events = 'http://localhost/api/events';
let stop: AbortController;
const answer = Promise.resolve(new Response('told'));

beforeEach(() => {
  stop = new AbortController();
  globalThis.ocoreAhead = { slug, waiting: new Map([['/api/events', { answer, stop }]]) };
});
afterEach(() => {
  globalThis.ocoreAhead = undefined;
});

it('gives an answer once', () => {
  expect(takeAhead(new Request(events))).toBe(answer);
  expect(takeAhead(new Request(events))).toBeUndefined();
});

it('gives nothing that was not asked for', () => {
  expect(takeAhead(new Request(`${events}?after=1`))).toBeUndefined();
  expect(takeAhead(new Request(events, { method: 'POST' }))).toBeUndefined();
  expect(globalThis.ocoreAhead?.waiting.size).toBe(1);
});

it('gives no answer of another organization', () => {
  globalThis.ocoreAhead = { slug: 'other', waiting: new Map([['/api/events', { answer, stop }]]) };
  expect(takeAhead(new Request(events))).toBeUndefined();
});

it('ends what was begun with the request that took it', () => {
  const ending = new AbortController();
  takeAhead(new Request(events, { signal: ending.signal }));
  expect(stop.signal.aborted).toBe(false);
  ending.abort();
  expect(stop.signal.aborted).toBe(true);
});

it('forgets and ends what nobody has taken', () => {
  dropAhead();
  expect(stop.signal.aborted).toBe(true);
  expect(takeAhead(new Request(events))).toBeUndefined();
});
