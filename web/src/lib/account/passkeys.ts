/** Making a passkey. */

import type { PublicKeyCredentialCreationOptionsJSON } from '@simplewebauthn/browser';
import { api, body } from '#lib/api/client.ts';
import { Fault } from '#lib/api/fault.ts';
import { t } from '#lib/messages/index.ts';

export async function registerPasskey(deviceName: string): Promise<void> {
  const { token, options } = await body(
    api.POST('/api/user/passkeys/register/begin', { body: { deviceName } }),
  );
  const [{ startRegistration }, { unwrapped }] = await Promise.all([
    import('@simplewebauthn/browser'),
    import('#lib/session/passkey.ts'),
  ]);
  let credential;
  try {
    const optionsJSON = unwrapped(options) as PublicKeyCredentialCreationOptionsJSON;
    credential = await startRegistration({ optionsJSON });
  } catch (error) {
    // The person closed the browser's question, or this device holds one already.
    throw new Fault(0, 'passkey_not_made', t('account:passkeys.refused'), String(error));
  }
  // The description says no more of it than that it is an object.
  await api.POST('/api/user/passkeys/register/finish', { body: { token, credential: credential as never } });
}
