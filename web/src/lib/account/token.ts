/** Tokens that come in an address: they leave it at once, and are kept in the tab only as long as they are needed. */

import { onMount } from 'svelte';
import { goto } from '$app/navigation';
import { page } from '$app/state';

/** The token of a link from a mail. Called while a page is made. */
export function tokenOfMail(): string | undefined {
  const token = page.url.searchParams.get('token') ?? undefined;
  if (token) leaveAddress(page.url.pathname);
  return token;
}

/** What lets somebody in: an invitation, or the code of an invite link. */
export type Ticket = 'invitation' | 'join';

const PLACE: Record<Ticket, string> = { invitation: 'ocore.invitation', join: 'ocore.join' };

/**
 * A ticket from the end of the address. It stays with the tab, since whoever has no session goes to sign in or up first, and
 * comes back for it.
 */
export function takeTicket(kind: Ticket, path: string): string | undefined {
  const given = (page.params as { ticket?: string }).ticket;
  if (given) {
    sessionStorage.setItem(PLACE[kind], given);
    leaveAddress(path);
  }
  return ticket(kind);
}

export function ticket(kind: Ticket): string | undefined {
  return sessionStorage.getItem(PLACE[kind]) ?? undefined;
}

/** It was used, or is not wanted. */
export function dropTicket(kind: Ticket) {
  sessionStorage.removeItem(PLACE[kind]);
}

function leaveAddress(path: string) {
  // After the router has begun its work: before, it does not take this.
  onMount(() => void setTimeout(() => goto(path, { shallow: true, replace: true })));
}
