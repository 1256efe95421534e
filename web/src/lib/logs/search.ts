/** Searching within a log. */

export interface Search {
  /** The next place with the text; while it is being typed the same place may be found again. */
  next: (text: string, typing?: boolean) => void;
  previous: (text: string) => void;
  clear: () => void;
}

/** Which of how many places is shown; the index is -1 when there are too many to be counted. */
export interface Found {
  index: number;
  count: number;
}
