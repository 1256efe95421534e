/** What of the list is looked at: filters and order, which live in the address. */

import { afterNavigate, goto } from '$app/navigation';
import { page } from '$app/state';
import { ALL, FACETS, readSort, writeSort, type Column, type Sort, type Wanted } from './filter';

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
      const query = this.#query();
      this.#timer = setTimeout(() => {
        if (query === page.url.search.slice(1)) return;
        void goto(`?${query}`, { replaceState: true, keepFocus: true, noScroll: true });
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
    const query = page.url.searchParams;
    const wanted = { ...ALL, search: query.get('q') ?? '' };
    for (const facet of FACETS) wanted[facet] = query.get(facet) ?? '';
    this.wanted = wanted;
    this.sort = readSort(query.get('sort'));
  }

  #query(): string {
    const query = new URLSearchParams();
    if (this.wanted.search.trim()) query.set('q', this.wanted.search.trim());
    for (const facet of FACETS) if (this.wanted[facet]) query.set(facet, this.wanted[facet]);
    const sort = writeSort(this.sort);
    if (sort !== 'name') query.set('sort', sort);
    return query.toString();
  }
}
