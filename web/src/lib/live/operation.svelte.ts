/** One operation as it happens: its state, its steps and its lines, each once and in order, also after a cut. */

import { untrack } from 'svelte';
import type { Event as Line, Operation } from '#lib/api/schema.d.ts';
import { Fault } from '#lib/api/fault.ts';
import { follow } from './sse';

/** The most lines kept in the page. */
const KEPT = 5_000;

export class LiveOperation {
  operation = $state.raw<Operation>();
  lines = $state.raw<Line[]>([]);
  connected = $state(false);
  fault = $state.raw<Fault>();
  #last = 0;
  #waiting: Line[] = [];
  #stop: () => void;

  /** `where`: one that is no organization's any more is followed as who administers the installation. */
  constructor(id: string, onEnd?: (operation: Operation) => void, where = '/api/operations') {
    this.#stop = follow({
      url: () => `${where}/${id}/logs?after=${this.#last}`,
      onConnected: (connected) => (this.connected = connected),
      onRefused: (fault) => (this.fault = fault),
      on: ({ event, data }) => {
        if (event === 'line') {
          this.#take(JSON.parse(data) as Line);
          return;
        }
        const operation = JSON.parse(data) as Operation;
        this.operation = operation;
        if (event !== 'end') return;
        onEnd?.(operation);
        return false;
      },
    });
  }

  /** Many lines may arrive at once: the page is drawn once for all of them. */
  #take(line: Line) {
    if (line.seq <= this.#last) return;
    this.#last = line.seq;
    if (this.#waiting.push(line) > 1) return;
    requestAnimationFrame(() => {
      this.lines = untrack(() => this.lines)
        .concat(this.#waiting)
        .slice(-KEPT);
      this.#waiting = [];
    });
  }

  stop() {
    this.#stop();
  }
}
