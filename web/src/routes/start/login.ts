/** How to sign in to an instance that was just made. Kept in this page only, and gone with it. */
export interface Login {
  instanceId: string;
  login: string;
  password?: string;
}
