import { learn } from '#lib/messages/index.ts';
import type { LayoutLoad } from './$types';

// Everything is drawn in the browser, from the public API.
export const ssr = false;
export const prerender = false;

export const load: LayoutLoad = async ({ route }) => {
  await learn(route.id);
};
