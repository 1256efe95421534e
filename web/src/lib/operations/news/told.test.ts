import { expect, it } from 'vitest';
import { notificationHref } from './told.ts';

const id = '01980000-0000-7000-8000-000000000001';
const organizations = [{ id: 'o1', slug: 'acme' }];

it('leads into the organization of the notification', () => {
  const url = `https://ocore.example/monitoring/alerts/${id}`;
  expect(notificationHref({ url, organizationId: 'o1' }, organizations)).toBe(`/o/acme/alerts/${id}`);
});

it('never leads out of the dashboard', () => {
  expect(notificationHref({ url: 'https://evil.example/', organizationId: 'o1' }, organizations)).toBe(
    '/o/acme/alerts',
  );
  expect(notificationHref({ url: undefined, organizationId: 'gone' }, organizations)).toBe(
    '/monitoring/alerts',
  );
});
