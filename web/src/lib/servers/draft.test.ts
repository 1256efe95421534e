import { expect, test } from 'vitest';
import { additionOf, emptyDraft, fingerprintIn, validationOf } from './draft';

const FINGERPRINT = 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU';

test('the fingerprint is found in the line of ssh-keygen', () => {
  expect(fingerprintIn(`256 ${FINGERPRINT} root@web1 (ED25519)`)).toBe(FINGERPRINT);
  expect(fingerprintIn(' MD5:aa:bb ')).toBe('MD5:aa:bb');
  expect(fingerprintIn('  ')).toBeUndefined();
});

test('this machine is added without anything of SSH', () => {
  const draft = { ...emptyDraft('local'), name: ' here ', host: 'x', key: 'k', fingerprint: FINGERPRINT };
  expect(additionOf(draft)).toEqual({ name: 'here', authMethod: 'local', installDocker: false });
});

test('only the secret of the method is sent', () => {
  const typed = { ...emptyDraft('password'), name: 'a', host: 'h', key: 'k', passphrase: 'p', password: 'w' };
  expect(additionOf(typed)).toMatchObject({ sshPassword: 'w', port: 22, sshUser: 'root' });
  expect(additionOf(typed)).not.toHaveProperty('sshPrivateKey');
  const byKey = additionOf({ ...typed, method: 'key' });
  expect(byKey).toMatchObject({ sshPrivateKey: 'k', sshKeyPassphrase: 'p' });
  expect(byKey).not.toHaveProperty('sshPassword');
});

test('a key ends with its line break, as ssh wants it', () => {
  const key = '-----BEGIN-----\nabc\n-----END-----\n';
  expect(additionOf({ ...emptyDraft('key'), name: 'a', host: 'h', key }).sshPrivateKey).toBe(key);
});

test('a validation without new secrets sends none', () => {
  expect(JSON.parse(JSON.stringify(validationOf(emptyDraft('key'), '', true)))).toEqual({
    installDocker: true,
  });
});
