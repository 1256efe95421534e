/** The record of who did what: of the organization, or of the installation itself. */

import { api, body } from '#lib/api/client.ts';
import type { AuditLog, Verification } from '#lib/api/schema.d.ts';
import type { Page } from '#lib/api/list.ts';
import { t } from '#lib/messages/index.ts';
import type { operations } from '#lib/api/schema.d.ts';

export type Query = NonNullable<operations['listAuditLogs']['parameters']['query']>;

export interface AuditRecord {
  /** The topic, and which record of it. */
  key: [string, string];
  list: (query: Query) => Promise<Page<AuditLog>>;
  verify: (from: { after?: number; hash?: string }) => Promise<Verification>;
  /** Whether it can be taken out as a file. */
  exports: boolean;
}

export const OF_ORGANIZATION: AuditRecord = {
  key: ['audit_logs', 'organization'],
  list: (query) => body(api.GET('/api/audit-logs', { params: { query } })),
  verify: (query) => body(api.GET('/api/audit-logs/verify', { params: { query } })),
  exports: true,
};

export const OF_INSTALLATION: AuditRecord = {
  key: ['audit_logs', 'installation'],
  list: (query) => body(api.GET('/api/admin/audit-logs', { params: { query } })),
  verify: (query) => body(api.GET('/api/admin/audit-logs/verify', { params: { query } })),
  exports: false,
};

/** The kinds of things that entries are about. */
export const KINDS = [
  'server',
  'instance',
  'operation',
  'organization',
  'member',
  'invitation',
  'invite_link',
  'role',
  'api_key',
  'user',
  'alert',
  'alert_rule',
  'notification_channel',
  'session',
  'passkey',
  'device',
  'recovery_drill',
  'queue',
  'control_plane',
] as const;

/** The kind of thing in words; as it was recorded where there are none. */
export function kindWords(kind: string | null | undefined): string {
  const known = KINDS.find((of) => of === kind);
  return known ? t(`access:kind.${known}`) : (kind ?? '');
}

/** How actions begin; with the dot, all that begin so are meant. */
export const FAMILIES = [
  'server.',
  'instance.',
  'operation.',
  'auth.',
  'org.',
  'member.',
  'invitation.',
  'invite_link.',
  'role.',
  'api_key.',
  'alert.',
  'alert_rule.',
  'notification_channel.',
  'audit_logs.',
  'admin.',
] as const;
