import { learn } from '#lib/messages/index.ts';

// Everything is drawn in the browser, from the public API.
export const ssr = false;
export const prerender = false;

export const load = async () => {
  await learn();
};
