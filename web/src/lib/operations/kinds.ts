/** Operations in words. */

import type { Operation } from '#lib/api/schema.d.ts';
import { t } from '#lib/messages/index.ts';

/** Every kind of operation that somebody may look for. */
export const KINDS = [
  'instance_create',
  'instance_start',
  'instance_stop',
  'instance_restart',
  'instance_update',
  'instance_move',
  'instance_delete',
  'server_validate',
  'server_drain',
  'server_remove',
  'agent_install',
  'agent_rotate',
  'agent_remove',
  'organization_delete',
] as const;

export type Kind = (typeof KINDS)[number];

function isKnown(kind: string): kind is Kind {
  return (KINDS as readonly string[]).includes(kind);
}

/** "Create an instance". A kind that this page does not know yet is shown as the API calls it. */
export function kindTitle(kind: string): string {
  return isKnown(kind) ? t(`operations:kind.${kind}`) : kind;
}

/** "Create the instance shop". */
export function operationTitle(of: Pick<Operation, 'kind' | 'subjectName'>): string {
  if (!of.subjectName) return kindTitle(of.kind);
  if (!isKnown(of.kind)) return `${of.kind} ${of.subjectName}`;
  return t(`operations:title.${of.kind}`, { name: of.subjectName });
}
