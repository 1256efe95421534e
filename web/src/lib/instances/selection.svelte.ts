/** Which rows are selected. */

export class Selection {
  ids = $state.raw<ReadonlySet<string>>(new Set());
  /** Where a range begins that ends with a shift-click. */
  #anchor: string | undefined;

  has(id: string): boolean {
    return this.ids.has(id);
  }

  /** Turns one over; with `range` all from the one before up to it, in the order they are shown, become like it. */
  toggle(id: string, range: boolean, shown: { id: string }[]) {
    const on = !this.ids.has(id);
    const ids = new Set(this.ids);
    const from = range ? shown.findIndex((row) => row.id === this.#anchor) : -1;
    const to = shown.findIndex((row) => row.id === id);
    const all = from < 0 ? [{ id }] : shown.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const row of all) {
      if (on) ids.add(row.id);
      else ids.delete(row.id);
    }
    this.ids = ids;
    this.#anchor = id;
  }

  /** Selects all of these, or none when they all are. */
  toggleAll(shown: { id: string }[]) {
    const ids = new Set(this.ids);
    const all = shown.every((row) => ids.has(row.id));
    for (const row of shown) {
      if (all) ids.delete(row.id);
      else ids.add(row.id);
    }
    this.ids = ids;
  }

  clear() {
    this.ids = new Set();
    this.#anchor = undefined;
  }
}
