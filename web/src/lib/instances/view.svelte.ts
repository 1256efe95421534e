/** What of the list is looked at: filters and order, which live in the address. */

import { afterNavigate, goto } from '$app/navigation';
import { page } from '$app/state';
import { readQuery, writeQuery } from './address';
import { ALL, FACETS, type Column, type Sort, type Wanted } from './filter';

/** Letters are not written to the address one by one. */
const PAUSE = 250;

export class View {
  wanted = $state<Wanted>({ ...ALL });
  sort = $state.raw<Sort>({ by: 'name', down: false });
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** To be made while a component is. */
  constructor() {
    this.#read();
    // By a link or the way back one comes to another address of the same page.
    afterNavigate(({ type }) => {
      if (type === 'link' || type === 'popstate') this.#read();
    });
    $effect(() => {
      const query = writeQuery(this.wanted, this.sort);
      this.#timer = setTimeout(() => {
        if (query === page.url.search.slice(1)) return;
        void goto(`?${query}`, { replace: true, reset: false });
      }, PAUSE);
      return () => clearTimeout(this.#timer);
    });
  }

  get filtered(): boolean {
    return this.wanted.search.trim() !== '' || FACETS.some((facet) => this.wanted[facet] !== '');
  }

  sortBy(by: Column) {
    this.sort = { by, down: this.sort.by === by && !this.sort.down };
  }

  clear() {
    this.wanted = { ...ALL };
  }

  #read() {
    ({ wanted: this.wanted, sort: this.sort } = readQuery(page.url.searchParams));
  }
}
