import { recognize } from '#lib/session/session.ts';

/** Whether they are signed in decides what they are offered. */
export const load = async () => {
  await recognize();
};
