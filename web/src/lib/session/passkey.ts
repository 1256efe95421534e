/** Signing in by a passkey. */

import { startAuthentication, type PublicKeyCredentialRequestOptionsJSON } from '@simplewebauthn/browser';
import { api, body } from '#lib/api/client.ts';

export async function signInByPasskey(): Promise<void> {
  const { token, options } = await body(api.POST('/api/auth/passkey/login/begin', { body: {} }));
  const optionsJSON = unwrapped(options) as PublicKeyCredentialRequestOptionsJSON;
  const credential = await startAuthentication({ optionsJSON });
  // The description says no more of it than that it is an object.
  await api.POST('/api/auth/passkey/login/finish', { body: { token, credential: credential as never } });
}

/** The options themselves, where they stand in an object `publicKey` as `navigator.credentials` takes them. */
export function unwrapped(options: unknown): unknown {
  const { publicKey } = options as { publicKey?: unknown };
  return publicKey ?? options;
}
