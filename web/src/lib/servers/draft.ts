/** A server as it is typed, before it is added. */

import type { AddServer, AuthMethod, ValidateServer } from '#lib/api/schema.d.ts';

export interface Secrets {
  method: AuthMethod;
  key: string;
  passphrase: string;
  password: string;
}

export interface Draft extends Secrets {
  name: string;
  host: string;
  port: number | null;
  user: string;
  fingerprint: string;
  installDocker: boolean;
}

export function emptyDraft(method: AuthMethod = 'key'): Draft {
  return {
    method,
    name: '',
    host: '',
    port: 22,
    user: 'root',
    key: '',
    passphrase: '',
    password: '',
    fingerprint: '',
    installDocker: false,
  };
}

/** The fingerprint in what `ssh-keygen -lf` prints, which people paste as a whole; else what was typed, to be judged by the API. */
export function fingerprintIn(text: string): string | undefined {
  return /SHA256:[A-Za-z0-9+/]{43}/.exec(text)?.[0] ?? (text.trim() || undefined);
}

/** The secrets that belong to the method; others that were typed before it was changed are not sent. */
export function secretsOf(
  of: Secrets,
): Pick<AddServer, 'sshPrivateKey' | 'sshKeyPassphrase' | 'sshPassword'> {
  if (of.method === 'password') return { sshPassword: of.password || undefined };
  if (of.method === 'local') return {};
  return { sshPrivateKey: of.key || undefined, sshKeyPassphrase: of.passphrase || undefined };
}

/** What is sent to add it. */
export function additionOf(draft: Draft): AddServer {
  const common = {
    name: draft.name.trim(),
    authMethod: draft.method,
    installDocker: draft.installDocker,
  };
  if (draft.method === 'local') return common;
  return {
    ...common,
    ...secretsOf(draft),
    host: draft.host.trim(),
    port: draft.port ?? undefined,
    sshUser: draft.user.trim() || undefined,
    hostKeyFingerprint: fingerprintIn(draft.fingerprint),
  };
}

/** What is sent to look at it again. Secrets that are not given stay as they are. */
export function validationOf(of: Secrets, fingerprint: string, installDocker: boolean): ValidateServer {
  return { ...secretsOf(of), hostKeyFingerprint: fingerprintIn(fingerprint), installDocker };
}
