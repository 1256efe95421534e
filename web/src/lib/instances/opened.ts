/** The instance whose pages are open. */

import { createContext } from 'svelte';
import type { Instance } from '#lib/api/schema.d.ts';

export interface Opened {
  readonly instance: Instance;
  /** Its revision, for changes. */
  readonly etag: string | null;
  /** Asks for it again. */
  readonly reload: () => Promise<unknown>;
  /** Shows an operation that was begun on it. */
  follow(operationId: string): void;
}

export const [opened, open] = createContext<Opened>();
