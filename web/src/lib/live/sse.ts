/** Server-sent events by `fetch`, which can bear headers, and go on after a cut where they ended. */

import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ask } from '#lib/api/client.ts';
import { Fault } from '#lib/api/fault.ts';

export interface Stream {
  /** The address; called again for each connection. */
  url: () => string;
  /** Something arrived. Returning `false` ends the stream for good. */
  on: (event: EventSourceMessage) => void | false;
  /** The connection stands, or does not. */
  onConnected?: (connected: boolean) => void;
  /** The stream is refused, and not tried again. */
  onRefused?: (fault: Fault) => void;
}

/** The first pause after a cut, in milliseconds; it grows up to the last. */
const PAUSES = [300, 600, 1_000, 2_000, 4_000];

/**
 * The server says something every 15 s at least. A way that is silent for longer is broken, though nobody told: a laptop that
 * slept, a proxy whose other end is gone.
 */
const SILENCE = 40_000;

/** Follows a stream until the returned function is called. */
export function follow(stream: Stream): () => void {
  const ending = new AbortController();
  void run(stream, ending.signal);
  return () => ending.abort();
}

async function run(stream: Stream, signal: AbortSignal) {
  let last: string | undefined;
  let failed = 0;
  while (!signal.aborted) {
    const silent = new AbortController();
    let watch: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(watch);
      watch = setTimeout(() => silent.abort(), SILENCE);
    };
    try {
      heard();
      const request = new Request(new URL(stream.url(), location.origin), {
        headers: { Accept: 'text/event-stream', ...(last ? { 'Last-Event-ID': last } : {}) },
        signal: AbortSignal.any([signal, silent.signal]),
      });
      const answer = await ask(request);
      if (!answer.ok || !answer.body) throw await Fault.of(answer);
      stream.onConnected?.(true);
      failed = 0;
      let over = false;
      const parser = createParser({
        onEvent: (event) => {
          if (event.id) last = event.id;
          over ||= stream.on(event) === false;
        },
      });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        heard();
        if (value) parser.feed(value);
        if (over) return await reader.cancel();
        if (done) break;
      }
    } catch (error) {
      if (signal.aborted) return;
      // What is refused now will be refused again; what is away comes back.
      if (error instanceof Fault && [401, 403, 404].includes(error.status)) {
        stream.onRefused?.(error);
        return;
      }
    } finally {
      clearTimeout(watch);
    }
    stream.onConnected?.(false);
    const pause = PAUSES[Math.min(failed++, PAUSES.length - 1)] ?? 4_000;
    await new Promise((resolve) => setTimeout(resolve, pause * (0.75 + Math.random() / 2)));
  }
}
