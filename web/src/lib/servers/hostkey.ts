/** Telling whether a server is the one that is meant. */

/** Prints the fingerprint of every host key, on the server itself. */
export const KEYGEN = 'for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$key"; done';

/** Whether the fingerprint that was seen is among those that the server prints; undefined while nothing of the kind was pasted. */
export function isAmong(seen: string, printed: string): boolean | undefined {
  const found = printed.match(/SHA256:[A-Za-z0-9+/]{43}/g);
  return found ? found.includes(seen) : undefined;
}
