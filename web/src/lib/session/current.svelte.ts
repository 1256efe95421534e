/** Who uses this page, in which organization, and what they may do there. */

import type { Me, MyOrganization, Permission, User } from '#lib/api/schema.d.ts';

const REMEMBERED = 'ocore.organization';

class Current {
  /** Who is signed in; undefined while nobody is. */
  me = $state.raw<Me>();
  /** The organization that requests are for. */
  slug = $state<string>();

  get user(): User | undefined {
    return this.me?.user;
  }

  get organization(): MyOrganization | undefined {
    return this.me?.organizations.find((of) => of.slug === this.slug);
  }

  /** The organization to begin with: the one used last, else the first. */
  first(me: Me): string | undefined {
    const last = localStorage.getItem(REMEMBERED);
    return (me.organizations.find((of) => of.slug === last) ?? me.organizations[0])?.slug;
  }

  enter(slug: string | undefined) {
    this.slug = slug;
    if (slug) localStorage.setItem(REMEMBERED, slug);
  }

  /** Whether they may do something here. To manage implies to view. What is hidden is refused by the API as well. */
  may(permission: Permission): boolean {
    const of = this.me?.organization;
    if (!of) return false;
    return of.isOwner || of.permissions.includes(permission) || of.permissions.includes(manage(permission));
  }
}

function manage(permission: Permission): Permission {
  return permission.replace(/^view:/, 'manage:') as Permission;
}

export const current = new Current();
