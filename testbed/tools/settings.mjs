// What every program here is told, and how it ends: one line of JSON on standard input, which stays open as long as the
// program is wanted. Whoever started it may die without a word; it ends then too.
import { createInterface } from 'node:readline';

export async function settings() {
  const lines = createInterface({ input: process.stdin });
  const line = await new Promise((read) => lines.once('line', read));
  lines.once('close', () => process.exit(0));
  return JSON.parse(line);
}

// Says on which port a server listens. The port may be 0: one that is free is taken then.
export async function listen(server, port) {
  await new Promise((listening) => server.listen(port, '127.0.0.1', listening));
  return server.address().port;
}

export const ready = (port) => process.stdout.write(`listening on ${port}\n`);
