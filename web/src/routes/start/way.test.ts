import { expect, test } from 'vitest';
import { wayTo } from './way';

const remote = { authMethod: 'key', host: '10.0.0.5', port: 2222, sshUser: 'deploy' } as const;
const local = { authMethod: 'local', host: 'localhost', port: 22, sshUser: 'root' } as const;

test('on this machine the port is opened straight away', () => {
  expect(wayTo({ httpPortHost: 8069 }, local, 'localhost')).toEqual({ url: 'http://127.0.0.1:8069' });
});

test('from elsewhere it takes a tunnel to the machine of oCore', () => {
  expect(wayTo({ httpPortHost: 8069 }, local, 'ocore.example.com')?.tunnel).toBe(
    'ssh -N -L 8069:127.0.0.1:8069 ocore.example.com',
  );
});

test('a server by SSH takes a tunnel to it', () => {
  expect(wayTo({ httpPortHost: 8070 }, remote, 'localhost')?.tunnel).toBe(
    'ssh -N -p 2222 -L 8070:127.0.0.1:8070 deploy@10.0.0.5',
  );
});

test('without a port there is no way yet', () => {
  expect(wayTo({}, remote, 'localhost')).toBeUndefined();
});
