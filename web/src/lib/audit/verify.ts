/** Checks a whole record, however many requests that takes. */

import type { Verification } from '#lib/api/schema.d.ts';
import type { AuditRecord } from './record.ts';

/** The last answer, with all entries that were found sound. */
export async function verifyAll(
  record: Pick<AuditRecord, 'verify'>,
  onprogress: (entries: number) => void,
): Promise<Verification> {
  let entries = 0;
  let from: { after?: number; hash?: string } = {};
  for (;;) {
    const part = await record.verify(from);
    entries += part.entries;
    onprogress(entries);
    if (!part.valid || !part.next) return { ...part, entries };
    from = part.next;
  }
}
