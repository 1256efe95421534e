/** Reads a list page by page; where its pages are known from the last time, several at once. */

/** A page: where it began, what it held, and where the next one begins. */
export interface Part<T> {
  cursor: string | undefined;
  rows: T[];
  next: string | undefined;
}

interface Way<T> {
  /** The pages of the last time. */
  known: Part<T>[];
  atOnce: number;
  /** The most pages. */
  most: number;
  part: (cursor: string | undefined) => Promise<{ rows: T[]; next: string | undefined }>;
  /** What was read so far. */
  progress?: (parts: Part<T>[]) => void;
}

/** All pages, and whether there are more than were wanted. */
export async function walk<T>(way: Way<T>): Promise<{ parts: Part<T>[]; more: boolean }> {
  const parts: Part<T>[] = [];
  let cursor: string | undefined;
  do {
    const guesses = following(way.known, cursor, Math.min(way.atOnce, way.most - parts.length));
    const read = await Promise.all(
      guesses.map(async (from) => ({ cursor: from, ...(await way.part(from)) })),
    );
    for (const [at, part] of read.entries()) {
      // Another page ended elsewhere than the last time: what was guessed of those after it is worth nothing.
      if (at > 0 && part.cursor !== cursor) break;
      parts.push(part);
      cursor = part.next;
      if (cursor === undefined) break;
    }
    way.progress?.([...parts]);
  } while (cursor !== undefined && parts.length < way.most);
  return { parts, more: cursor !== undefined };
}

/** Where the pages from a cursor on began the last time; only the cursor when that is not known. */
function following<T>(known: Part<T>[], cursor: string | undefined, count: number): (string | undefined)[] {
  const at = known.findIndex((part) => part.cursor === cursor);
  return at < 0 ? [cursor] : known.slice(at, at + count).map((part) => part.cursor);
}
