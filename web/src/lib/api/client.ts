/** The one way to the API: cookies, the organization, proof against other sites, and a session that renews itself. */

import createClient, { type Middleware } from 'openapi-fetch';
import { current } from '#lib/session/current.svelte.ts';
import { takeAhead } from './ahead';
import { Fault } from './fault';
import type { paths } from './schema';

/** What marks requests of this page: their tokens come as cookies only. */
const OURS = { 'X-Requested-With': 'ocore-dashboard' };

/** The random text that only our own pages can read, and send back. */
function csrf(): string {
  return /(?:^|; )ocore_csrf=([^;]*)/.exec(document.cookie)?.[1] ?? '';
}

/** What every request bears. */
export function headers(): Record<string, string> {
  const slug = current.slug;
  return { ...OURS, 'X-CSRF-Token': csrf(), ...(slug ? { 'X-Org-Slug': slug } : {}) };
}

let renewing: Promise<boolean> | undefined;

/** Gets a new access token, once for all that wait for it. */
export function renew(): Promise<boolean> {
  renewing ??= fetch('/api/auth/refresh', {
    method: 'POST',
    headers: { ...headers(), 'Content-Type': 'application/json' },
    body: '{}',
  })
    .then((answer) => answer.ok)
    .catch(() => false)
    .finally(() => (renewing = undefined));
  return renewing;
}

/** `fetch` with all that; asks again once with a new token when the old one has expired. */
export async function ask(request: Request): Promise<Response> {
  const again = request.clone();
  const send = (of: Request) => {
    for (const [name, value] of Object.entries(headers())) of.headers.set(name, value);
    return fetch(of);
  };
  const answer = await (takeAhead(request) ?? send(request));
  if (answer.status !== 401 || !(await isUnknown(answer)) || !(await renew())) return answer;
  return send(again);
}

/** Whether it is refused since nobody is known to have sent it. A wrong password is another matter, and not sent twice. */
async function isUnknown(answer: Response): Promise<boolean> {
  const { code } = await Fault.of(answer.clone());
  return code === 'auth.unauthenticated';
}

/** Answers that are problems become faults. */
const faults: Middleware = {
  async onResponse({ response }) {
    if (!response.ok) throw await Fault.of(response);
  },
  onError({ error }) {
    return error instanceof Fault ? error : Fault.unreachable();
  },
};

/** The API, typed by its own description. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: ask });
api.use(faults);

/** The body of an answer. Faults are thrown. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}
