/** Does something whenever an element comes into view: how a list goes on by itself at its end. */

import type { Attachment } from 'svelte/attachments';
import { untrack } from 'svelte';

export function whenSeen(then: () => unknown): Attachment {
  return (element) => {
    const observer = new IntersectionObserver(
      (seen) => {
        if (seen.some((entry) => entry.isIntersecting)) untrack(then);
      },
      { rootMargin: '200px' },
    );
    observer.observe(element);
    return () => observer.disconnect();
  };
}
