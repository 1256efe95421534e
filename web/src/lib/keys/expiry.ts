/** How long a key is to be good. */

export const SPANS = ['30', '90', '365', 'date', 'never'] as const;
export type Span = (typeof SPANS)[number];

/** The moment a key ends; undefined: never. A day ends when it is over where the person is. */
export function expiryOf(span: Span, day: string, now = new Date()): string | undefined {
  if (span === 'never') return undefined;
  if (span === 'date') return day ? new Date(`${day}T23:59:59`).toISOString() : undefined;
  return new Date(now.getTime() + Number(span) * 86_400_000).toISOString();
}
