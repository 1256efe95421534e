/**
 * Parts of a page come one after another, and the browser has its turn between them: drawn at once they would keep a slow
 * telephone from answering a finger for half a second.
 */

type Show = () => void;

class Turns {
  #first: Show[] = [];
  #last: Show[] = [];
  #goesOn = false;
  /** How many wait. */
  waiting = $state(0);

  /** Shows something when its turn comes: `last` after all that is not. The answered function takes it out again. */
  take(show: Show, last = false): () => void {
    const queue = last ? this.#last : this.#first;
    queue.push(show);
    this.#count();
    if (!this.#goesOn) setTimeout(() => this.#next());
    this.#goesOn = true;
    return () => {
      const at = queue.indexOf(show);
      if (at < 0) return;
      queue.splice(at, 1);
      this.#count();
    };
  }

  #next() {
    (this.#first.shift() ?? this.#last.shift())?.();
    this.#count();
    this.#goesOn = this.#first.length + this.#last.length > 0;
    if (this.#goesOn) setTimeout(() => this.#next());
  }

  #count() {
    this.waiting = this.#first.length;
  }
}

export const turns = new Turns();
