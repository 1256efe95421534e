/** A channel while it is being written. */

import type { Channel, ChannelKind, CreateChannel, Severity, UpdateChannel } from '#lib/api/schema.d.ts';
import type { AlertSeverity } from '#lib/api/schema.d.ts';

export const KINDS: ChannelKind[] = ['email', 'webhook', 'slack', 'telegram', 'webpush'];

export interface Draft {
  kind: ChannelKind;
  name: string;
  minSeverity: AlertSeverity;
  enabled: boolean;
  /** E-mail addresses as typed. */
  to: string;
  url: string;
  chatId: string;
  /** A webhook's key, Slack's address or a bot's token; empty: what is kept stays. */
  secret: string;
}

export function draftOf(channel?: Channel): Draft {
  return {
    kind: channel?.kind ?? 'email',
    name: channel?.name ?? '',
    minSeverity: (channel?.minSeverity as AlertSeverity | undefined) ?? 'warning',
    enabled: channel?.enabled ?? true,
    to: (channel?.to ?? []).join('\n'),
    url: channel?.url ?? '',
    chatId: channel?.chatId ?? '',
    secret: '',
  };
}

/** Addresses, one on each line or with commas between. */
export function addresses(typed: string): string[] {
  return typed.split(/[\s,;]+/).filter(Boolean);
}

/** What goes with a kind, and nothing else: the API refuses the rest. */
export function toUpdate(draft: Draft): UpdateChannel {
  const secret = draft.secret.trim() || undefined;
  const common = {
    name: draft.name.trim(),
    minSeverity: draft.minSeverity as Severity,
    enabled: draft.enabled,
  };
  switch (draft.kind) {
    case 'email':
      return { ...common, to: addresses(draft.to) };
    case 'webhook':
      return { ...common, url: draft.url.trim(), secret };
    case 'slack':
      return { ...common, webhookUrl: secret };
    case 'telegram':
      return { ...common, chatId: draft.chatId.trim(), token: secret };
    case 'webpush':
      return common;
  }
}

export function toCreate(draft: Draft): CreateChannel {
  return { ...toUpdate(draft), name: draft.name.trim(), kind: draft.kind };
}
