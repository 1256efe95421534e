import { learn } from '#lib/messages/index.ts';

/** Before any page is drawn: the words are asked for at once, since nothing can be shown without them. */
export function init() {
  // Should it fail, the page asks again and tells.
  learn('/').catch(() => undefined);
}
