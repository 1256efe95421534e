/** Joining a log again after its connection was cut. */

/**
 * How many of the first fresh lines were seen before: the most that the seen ones end with. A log that is followed anew begins
 * with its last lines, of which some are on the page already.
 */
export function overlap(seen: readonly string[], fresh: readonly string[]): number {
  for (let count = Math.min(seen.length, fresh.length); count > 0; count -= 1) {
    const from = seen.length - count;
    // The last one first: it nearly always tells.
    let at = count - 1;
    while (at >= 0 && seen[from + at] === fresh[at]) at -= 1;
    if (at < 0) return count;
  }
  return 0;
}

/** Cuts a stream of text into lines; what has no end yet waits for it. */
export class Lines {
  #rest = '';

  /** The whole lines with this more of text. */
  take(text: string): string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.map((line) => line.replace(/\r$/, ''));
  }
}
