/** Being told by this browser, also while no page of oCore is open. */

import { api, body } from '#lib/api/client.ts';

/** Whether the browser can: it takes https (or localhost), and a browser that knows how. */
export function canPush(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;
}

/** How this browser is subscribed, if it is. */
export async function subscription(): Promise<PushSubscription | undefined> {
  const worker = await navigator.serviceWorker.getRegistration();
  return (await worker?.pushManager.getSubscription()) ?? undefined;
}

/** Why it could not subscribe, when that is not a fault of the API. */
export class Refused extends Error {}

/** Asks the person, then the push service, then tells oCore. */
export async function subscribe(): Promise<void> {
  if ((await Notification.requestPermission()) !== 'granted') throw new Refused('denied');
  const worker = await ready();
  const { publicKey } = await body(api.GET('/api/push/vapid-key'));
  const made = await worker.pushManager
    .subscribe({ userVisibleOnly: true, applicationServerKey: publicKey })
    .catch(() => {
      throw new Refused('service');
    });
  const { endpoint, keys } = made.toJSON();
  const { p256dh = '', auth = '' } = keys ?? {};
  try {
    await api.POST('/api/push/subscribe', {
      body: {
        endpoint: endpoint ?? '',
        keys: { p256dh, auth },
        deviceName: deviceName(navigator.userAgent),
        userAgent: navigator.userAgent.slice(0, 500),
      },
    });
  } catch (error) {
    // A browser that waits for what never comes would look subscribed.
    await made.unsubscribe();
    throw error;
  }
}

/** Ends that for a browser; for this one in the browser, too. */
export async function unsubscribe(endpoint: string): Promise<void> {
  await api.DELETE('/api/push/subscribe', { body: { endpoint } });
  const mine = await subscription();
  if (mine?.endpoint === endpoint) await mine.unsubscribe();
}

/** `serviceWorker.ready` waits for ever where there is none. */
async function ready(): Promise<ServiceWorkerRegistration> {
  if (!(await navigator.serviceWorker.getRegistration())) throw new Refused('worker');
  return navigator.serviceWorker.ready;
}

/** "Firefox, Linux": enough to know one's own browsers apart. */
export function deviceName(agent: string): string {
  const first = (...of: [RegExp, string][]) => of.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = first(
    [/Edg\//, 'Edge'],
    [/Firefox\//, 'Firefox'],
    [/Chrome\//, 'Chrome'],
    [/Safari\//, 'Safari'],
  );
  const system = first(
    [/Android/, 'Android'],
    [/iPhone|iPad/, 'iOS'],
    [/Windows/, 'Windows'],
    [/Mac OS X/, 'macOS'],
    [/Linux/, 'Linux'],
  );
  return [browser, system].filter(Boolean).join(', ');
}
