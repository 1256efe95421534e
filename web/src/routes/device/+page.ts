import { mustBeKnown } from '#lib/account/known.ts';
import type { PageLoad } from './$types';

/** Only a person who is signed in lets a device in. */
export const load: PageLoad = ({ url }) => mustBeKnown(url);
