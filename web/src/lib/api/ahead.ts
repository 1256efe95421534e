/** Answers that `app.html` asked for while the scripts were on their way. */

import { current } from '#lib/session/current.svelte.ts';

declare global {
  var ocoreAhead:
    | {
        /** Of which organization. */
        slug: string;
        /** By path and query. */
        waiting: Map<string, { answer: Promise<Response>; stop: AbortController }>;
      }
    | undefined;
}

/** The answer to a request, where it was asked already. Each is taken once: whoever asks again wants to know what is now. */
export function takeAhead(request: Request): Promise<Response> | undefined {
  const ahead = globalThis.ocoreAhead;
  if (!ahead || request.method !== 'GET' || current.slug !== ahead.slug) return undefined;
  const { pathname, search } = new URL(request.url);
  const taken = ahead.waiting.get(pathname + search);
  if (!taken) return undefined;
  ahead.waiting.delete(pathname + search);
  request.signal.addEventListener('abort', () => taken.stop.abort());
  return taken.answer;
}

/** Whoever it was asked for is not here any more. */
export function dropAhead() {
  for (const { stop } of globalThis.ocoreAhead?.waiting.values() ?? []) stop.abort();
  globalThis.ocoreAhead?.waiting.clear();
}
