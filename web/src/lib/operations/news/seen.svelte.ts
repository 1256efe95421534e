/** Which endings somebody has seen in this browser, per organization. By the server's times: clocks differ. */

import type { Operation } from '#lib/api/schema.d.ts';
import { current } from '#lib/session/current.svelte.ts';
import { hasEnded } from '../phase.ts';

const KEY = 'ocore.seen';

interface Mark {
  /** All that ended until then. */
  until: string;
  /** These besides. */
  ids: string[];
}

function stored(): Record<string, Mark> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, Mark>;
  } catch {
    return {};
  }
}

class Seen {
  #marks = $state.raw(stored());

  constructor() {
    // Another tab of the same browser.
    addEventListener('storage', (event) => {
      if (event.key === KEY) this.#marks = stored();
    });
  }

  #keep(mark: Mark) {
    this.#marks = { ...stored(), [current.slug ?? '']: mark };
    localStorage.setItem(KEY, JSON.stringify(this.#marks));
  }

  get #mark(): Mark | undefined {
    return this.#marks[current.slug ?? ''];
  }

  /** Whoever is here for the first time is not told of all that ever was. */
  begin(recent: Operation[]) {
    if (!this.#mark) this.all(recent);
  }

  all(recent: Operation[]) {
    const ends = recent.map((of) => of.finishedAt ?? '');
    this.#keep({
      until: [this.#mark?.until ?? '', ...ends].reduce((a, b) =>
        Date.parse(b) > Date.parse(a) || !a ? b : a,
      ),
      ids: [],
    });
  }

  one(of: Operation) {
    const mark = this.#mark ?? { until: '', ids: [] };
    if (!this.has(of)) this.#keep({ ...mark, ids: [...mark.ids, of.id].slice(-200) });
  }

  has(of: Operation): boolean {
    const mark = this.#mark;
    if (!hasEnded(of) || !mark || mark.ids.includes(of.id)) return true;
    // By number: the API leaves out zeros at the end of a second's fraction.
    return mark.until !== '' && !(Date.parse(of.finishedAt ?? '') > Date.parse(mark.until));
  }
}

export const seen = new Seen();
