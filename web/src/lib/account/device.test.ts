import { expect, it } from 'vitest';
import { device } from './device';

it('tells browsers apart that name each other', () => {
  const chrome =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
  expect(device(chrome)).toBe('Chrome, Linux');
  expect(device(chrome + ' Edg/142.0.0.0')).toBe('Edge, Linux');
  const android =
    'Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36';
  expect(device(android)).toBe('Chrome, Android');
  const iphone =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile Safari/604.1';
  expect(device(iphone)).toBe('Safari, iOS');
});

it('keeps what it does not know', () => {
  expect(device('my-script/1.0')).toBe('my-script/1.0');
  expect(device(null)).toBeUndefined();
});
