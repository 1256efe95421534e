import { expect, test } from 'vitest';
import { stepDue, stepShown } from './steps';

const due = (servers: string[], instances: string[], needsAccount = false) =>
  stepDue({
    needsAccount,
    servers: servers.map((status) => ({ status }) as { status: 'active' }),
    instances: instances.map((status) => ({ status }) as { status: 'running' }),
  });

test('the step follows from what there is', () => {
  expect(due([], [], true)).toBe('account');
  expect(due([], [])).toBe('server');
  expect(due(['failed', 'validating'], [])).toBe('server');
  expect(due(['failed', 'active'], [])).toBe('instance');
  expect(due(['active'], ['creating'])).toBe('instance');
  expect(due(['active'], ['failed', 'running'])).toBe('done');
});

test('an address may go back, but not ahead, and never to the account', () => {
  expect(stepShown('instance', 'server')).toBe('server');
  expect(stepShown('server', 'instance')).toBe('server');
  expect(stepShown('done', 'account')).toBe('done');
  expect(stepShown('account', 'server')).toBe('account');
  expect(stepShown('done', null)).toBe('done');
});
