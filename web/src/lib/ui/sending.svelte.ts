/** Something that is sent: whether it is under way, and what went wrong with it. */

import { Fault } from '#lib/api/fault.ts';

export class Sending {
  busy = $state(false);
  fault = $state.raw<Fault>();

  /** Does it, and tells whether it went well. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    this.busy = true;
    this.fault = undefined;
    try {
      await work();
      return true;
    } catch (error) {
      this.fault = Fault.from(error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** What is wrong with a field. */
  of(field: string): string | undefined {
    return this.fault?.of(field);
  }
}
