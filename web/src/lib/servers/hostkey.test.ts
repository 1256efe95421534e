import { expect, test } from 'vitest';
import { isAmong } from './hostkey';

const ONE = 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU';
const OTHER = 'SHA256:ZDiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU';

test('the key that was seen is looked for among all that the server has', () => {
  expect(isAmong(ONE, `3072 ${OTHER} root@a (RSA)\n256 ${ONE} root@a (ED25519)\n`)).toBe(true);
  expect(isAmong(ONE, `256 ${OTHER} root@a (ED25519)`)).toBe(false);
  expect(isAmong(ONE, 'SHA256:abc')).toBeUndefined();
});
