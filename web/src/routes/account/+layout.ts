import { mustBeKnown } from '#lib/account/known.ts';
import type { LayoutLoad } from './$types';

export const load: LayoutLoad = ({ url, untrack }) => untrack(() => mustBeKnown(url));
