/** Times of day, for lines that come one after the other. */

import { language } from '#lib/messages/index.ts';

/** "14:03:59". */
export function clockTime(at: string): string {
  return new Date(at).toLocaleTimeString(language(), { hour12: false });
}
