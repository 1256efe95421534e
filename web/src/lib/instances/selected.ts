/** What becomes of a selection when a row, a range or all are turned over. */

type Ids = ReadonlySet<string>;
interface Shown {
  id: string;
}

export const NONE: Ids = new Set();

/** Turns one over. With an anchor, all from there to it become like it, in the order they are shown. */
export function turned(ids: Ids, id: string, shown: Shown[], anchor?: string): Ids {
  const from = anchor === undefined ? -1 : shown.findIndex((row) => row.id === anchor);
  const to = shown.findIndex((row) => row.id === id);
  const all = from < 0 ? [{ id }] : shown.slice(Math.min(from, to), Math.max(from, to) + 1);
  return changed(ids, all, !ids.has(id));
}

/** Selects all of these, or none of them when they all are. */
export function allTurned(ids: Ids, shown: Shown[]): Ids {
  return changed(ids, shown, !shown.every((row) => ids.has(row.id)));
}

function changed(ids: Ids, rows: Shown[], on: boolean): Ids {
  const now = new Set(ids);
  for (const { id } of rows) {
    if (on) now.add(id);
    else now.delete(id);
  }
  return now;
}
