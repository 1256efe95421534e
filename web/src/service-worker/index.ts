/** Shows what oCore pushes to this browser. It keeps no pages: what is shown is always what is. */

const worker = self as unknown as ServiceWorkerGlobalScope;

interface Told {
  title?: string;
  body?: string;
  url?: string;
}

worker.addEventListener('install', () => void worker.skipWaiting());
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener('push', (event) => {
  let told: Told = {};
  try {
    told = (event.data?.json() ?? {}) as Told;
  } catch {
    // What cannot be read is shown as news all the same: browsers punish silence.
  }
  event.waitUntil(
    worker.registration.showNotification(told.title ?? 'oCore', {
      body: told.body,
      icon: '/icon.svg',
      tag: told.url,
      data: told.url,
    }),
  );
});

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  // Only ever to a page of ours.
  const wanted = new URL(String(event.notification.data ?? '/monitoring/alerts'), worker.location.origin);
  const target = worker.location.origin + wanted.pathname;
  event.waitUntil(
    worker.clients.matchAll({ type: 'window' }).then(async ([first]) => {
      if (!first) return worker.clients.openWindow(target);
      await first.navigate(target);
      return first.focus();
    }),
  );
});
