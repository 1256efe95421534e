/** What is told in passing. What shows it is loaded with the first thing there is to tell. */

import type { ExternalToast, toast as Toast } from 'svelte-sonner';
import { toaster } from './toaster.svelte.ts';

type Say = (text: string, more?: ExternalToast) => void;

const by =
  (kind: 'success' | 'info' | 'error'): Say =>
  (text, more) =>
    void toaster.load().then(({ toast }) => toast[kind](text, more));

export const toast = {
  success: by('success'),
  info: by('info'),
  error: by('error'),
  /** Tells that something is under way, and then how it ended. */
  promise(...what: Parameters<typeof Toast.promise>) {
    void toaster.load().then(({ toast }) => toast.promise(...what));
  },
};
