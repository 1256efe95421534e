/** Odoo's lines in the colours of a terminal. */

import { isMark } from './log.svelte';

const LEVEL = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ )(CRITICAL|ERROR|WARNING|INFO|DEBUG)( .*)$/;
const COLOURS: Record<string, string> = {
  CRITICAL: '\x1b[1;31m',
  ERROR: '\x1b[31m',
  WARNING: '\x1b[33m',
  INFO: '\x1b[36m',
  DEBUG: '\x1b[90m',
};
const PLAIN = '\x1b[0m';

export function coloured(line: string): string {
  if (isMark(line)) return `\x1b[1;35m${line}${PLAIN}`;
  const found = LEVEL.exec(line);
  if (!found) return line;
  const [, time, level = '', rest] = found;
  return `\x1b[90m${time}${PLAIN}${COLOURS[level]}${level}${PLAIN}${rest}`;
}
