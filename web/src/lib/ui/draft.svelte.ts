/** What is typed over what was read, while others may change the same. */

import { untrack } from 'svelte';

export class Draft<T extends Record<string, unknown>> {
  fields: T = $state({} as T);
  /** As it was read. */
  #base = $state.raw<T>();
  #etag = '';

  constructor(blank: T) {
    this.fields = { ...blank };
  }

  /** The tag that a change bears. */
  get etag(): string {
    return this.#etag;
  }

  get dirty(): boolean {
    return this.#base !== undefined && !same(this.fields, this.#base);
  }

  /** It was read anew. What is typed stays; a change of what is typed shows when it is sent. */
  see(theirs: T, etag: string) {
    // Whoever calls this follows what is read, not what is typed.
    untrack(() => {
      if (this.dirty && !same(theirs, this.#base)) return;
      if (!this.dirty) this.fields = { ...theirs };
      this.#base = theirs;
      this.#etag = etag;
    });
  }

  /** After it was saved; or after a conflict: theirs, or what was typed over theirs. */
  settle(theirs: T, etag: string, keep: boolean) {
    this.#base = theirs;
    this.#etag = etag;
    if (!keep) this.fields = { ...theirs };
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
