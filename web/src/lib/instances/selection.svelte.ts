/** Which rows are selected. */

import { allTurned, NONE, turned } from './selected';

export class Selection {
  ids = $state.raw(NONE);
  /** Where a range begins that ends with a shift-click. */
  #anchor: string | undefined;

  has(id: string): boolean {
    return this.ids.has(id);
  }

  /** Turns one over; with `range` all from the one before up to it. */
  toggle(id: string, range: boolean, shown: { id: string }[]) {
    this.ids = turned(this.ids, id, shown, range ? this.#anchor : undefined);
    this.#anchor = id;
  }

  toggleAll(shown: { id: string }[]) {
    this.ids = allTurned(this.ids, shown);
  }

  clear() {
    this.ids = NONE;
    this.#anchor = undefined;
  }
}
