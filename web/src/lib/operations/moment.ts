/** Times of day, for lines that come one after the other. */

import { locale } from '#lib/messages/index.ts';

/** "14:03:59". */
export function clockTime(at: string): string {
  return new Date(at).toLocaleTimeString(locale(), { hour12: false });
}
