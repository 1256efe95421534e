/** A log as a page shows it: its lines within bounds, what waits while it is paused, and how its connection stands. */

import type { Fault } from '#lib/api/fault.ts';
import { t } from '#lib/messages/index.ts';
import { now } from './now';
import { follow } from './follow';

/** The most lines kept. */
export const KEPT = 20_000;
/** The most lines that wait while it is paused; of more the oldest are dropped. */
const WAITING = 10_000;

/** What shows the lines. */
export interface Screen {
  write(lines: string[]): void;
  clear(): void;
}

/** Begins a line that is of this page and not of the log. */
const MARK = '――― ';

export function isMark(line: string): boolean {
  return line.startsWith(MARK);
}

export class Log {
  connected = $state(false);
  paused = $state(false);
  /** Lines that came while it was paused. */
  waiting = $state(0);
  /** Of them, those that were dropped. */
  dropped = $state(0);
  fault = $state.raw<Fault>();
  refused = $state.raw<Fault>();
  #lines: string[] = [];
  #held: string[] = [];
  #screen: Screen | undefined;
  #cut = false;
  #stop: () => void;

  constructor(url: (tail: number) => string) {
    this.#stop = follow({
      url,
      on: (lines) => {
        // A container that rests ends each connection at once: only what is said tells that it is back.
        this.#take(this.#cut ? [this.#mark('back'), ...lines] : lines);
        this.#cut = false;
      },
      onConnected: () => {
        this.connected = true;
        this.fault = undefined;
      },
      onCut: (fault) => {
        this.connected = false;
        this.fault = fault;
        // Said once, not at each attempt.
        if (!this.#cut && this.#lines.length + this.#held.length > 0) this.#take([this.#mark('cut')]);
        this.#cut = true;
      },
      onRefused: (fault) => (this.refused = fault),
    });
  }

  /** Everything that is kept, and from now on what comes, goes to this screen. */
  show(screen: Screen): () => void {
    this.#screen = screen;
    screen.write(this.#lines);
    return () => {
      if (this.#screen === screen) this.#screen = undefined;
    };
  }

  pause() {
    this.paused = true;
  }

  goOn() {
    this.paused = false;
    const held = this.#held;
    const marks = this.dropped ? [MARK + t('instances:log.dropped', { count: this.dropped })] : [];
    this.#held = [];
    this.waiting = this.dropped = 0;
    this.#write([...marks, ...held]);
  }

  /** Forgets what is shown; what comes is shown again. */
  clear() {
    this.#lines = [];
    this.#screen?.clear();
  }

  get text(): string {
    return this.#lines.join('\n') + '\n';
  }

  stop() {
    this.#stop();
  }

  #mark(what: 'cut' | 'back'): string {
    return `${MARK}${t(`instances:log.${what}`, { time: now() })}`;
  }

  #take(lines: string[]) {
    if (!this.paused) {
      this.#write(lines);
      return;
    }
    this.#held.push(...lines);
    const over = this.#held.length - WAITING;
    if (over > 0) {
      this.#held.splice(0, over);
      this.dropped += over;
    }
    this.waiting = this.#held.length;
  }

  #write(lines: string[]) {
    this.#lines.push(...lines);
    // Cut now and then, not at each line.
    if (this.#lines.length > KEPT * 1.1) this.#lines.splice(0, this.#lines.length - KEPT);
    this.#screen?.write(lines);
  }
}
