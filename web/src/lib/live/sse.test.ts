import { afterEach, beforeEach, expect, it, vi } from 'vitest';

beforeEach(() => {
  vi.stubGlobal('location', { origin: 'http://localhost' });
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

// As a proxy behaves whose other end was killed: the answer stands, and nothing comes any more.
it('asks again when nothing was heard for too long', async () => {
  const asked: string[] = [];
  vi.doMock('#lib/api/client.ts', () => ({
    ask: (request: Request) => {
      asked.push(request.headers.get('last-event-id') ?? '');
      const body = new ReadableStream<Uint8Array>({
        start(stream) {
          if (asked.length === 1) stream.enqueue(new TextEncoder().encode('id: 7\ndata: x\n\n'));
          request.signal.addEventListener('abort', () => stream.error(new Error('aborted')));
        },
      });
      return Promise.resolve(new Response(body));
    },
  }));
  const { follow } = await import('./sse.ts');
  const connected: boolean[] = [];
  const stop = follow({
    url: () => '/api/events',
    on: () => undefined,
    onConnected: (is) => connected.push(is),
  });
  await vi.advanceTimersByTimeAsync(39_000);
  expect(asked).toEqual(['']);
  await vi.advanceTimersByTimeAsync(3_000);
  // It goes on after what it had.
  expect(asked).toEqual(['', '7']);
  expect(connected).toEqual([true, false, true]);
  stop();
});
