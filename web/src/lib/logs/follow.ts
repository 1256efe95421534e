/** Follows a log that comes as text: it goes on after a cut, without a line twice. */

import { ask } from '#lib/api/client.ts';
import { Fault } from '#lib/api/fault.ts';
import { Lines, overlap } from './overlap';

export interface Following {
  url: (tail: number) => string;
  /** Lines arrived. */
  on: (lines: string[]) => void;
  /** The connection stands. */
  onConnected: () => void;
  /** It is cut, ended, or refused; it is tried again. */
  onCut: (fault: Fault | undefined) => void;
  /** It is refused for good. */
  onRefused: (fault: Fault) => void;
}

/** So many of the last lines are asked for. */
const TAIL = 500;
/** Lines that belong to the beginning come within so many milliseconds of one another. */
const QUIET = 250;
/** The pauses before it is tried again, in milliseconds. */
const PAUSES = [500, 1_000, 2_000, 4_000, 8_000];

/** Follows until the returned function is called. */
export function follow(log: Following): () => void {
  const ending = new AbortController();
  void run(log, ending.signal);
  return () => ending.abort();
}

async function run(log: Following, signal: AbortSignal) {
  const seen: string[] = [];
  let failed = 0;
  const tell = (lines: string[]) => {
    if (lines.length === 0) return;
    failed = 0;
    seen.push(...lines);
    if (seen.length > TAIL) seen.splice(0, seen.length - TAIL);
    log.on(lines);
  };
  while (!signal.aborted) {
    let fault: Fault | undefined;
    try {
      const url = new URL(log.url(TAIL), location.origin);
      const answer = await ask(new Request(url, { headers: { Accept: 'text/plain' }, signal }));
      if (!answer.ok || !answer.body) throw await Fault.of(answer);
      log.onConnected();
      await read(answer.body, seen, tell);
    } catch (error) {
      if (signal.aborted) return;
      fault = error instanceof Fault ? error : undefined;
      if (fault && [400, 401, 403, 404].includes(fault.status)) {
        log.onRefused(fault);
        return;
      }
    }
    if (signal.aborted) return;
    log.onCut(fault);
    const pause = PAUSES[Math.min(failed++, PAUSES.length - 1)] ?? 8_000;
    await new Promise((resolve) => setTimeout(resolve, pause * (0.75 + Math.random() / 2)));
  }
}

/** Reads one connection. Its first lines are held until they can be compared with what was seen. */
async function read(body: ReadableStream<Uint8Array>, seen: string[], tell: (lines: string[]) => void) {
  const lines = new Lines();
  let held: string[] | undefined = seen.length ? [] : undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const release = () => {
    clearTimeout(timer);
    const first = held ?? [];
    held = undefined;
    tell(first.slice(overlap(seen, first)));
  };
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const fresh = lines.take(value);
      if (!held) {
        tell(fresh);
        continue;
      }
      held.push(...fresh);
      clearTimeout(timer);
      if (held.length >= TAIL) release();
      else timer = setTimeout(release, QUIET);
    }
  } finally {
    if (held) release();
  }
}
