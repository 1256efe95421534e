import { redirect } from '@sveltejs/kit';
import type { PageLoad } from './$types';

/** Where one comes back to from another provider: what was connected is shown with the other ways in. */
export const load: PageLoad = ({ url }) => {
  const provider = url.searchParams.get('connected');
  if (provider) redirect(307, `/account/security?connected=${encodeURIComponent(provider)}`);
};
