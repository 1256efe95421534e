/** What a browser says of itself, in few words. Only for people to tell their sessions apart. */

const BROWSERS: [string, RegExp][] = [
  ['Edge', /Edg(?:e|A|iOS)?\//],
  ['Opera', /OPR\/|Opera/],
  ['Firefox', /Firefox\/|FxiOS\//],
  ['Chrome', /Chrome\/|CriOS\//],
  ['Safari', /Safari\//],
  ['curl', /^curl\//],
  ['ocore', /^ocore/],
];

const SYSTEMS: [string, RegExp][] = [
  ['iOS', /iPhone|iPad/],
  ['Android', /Android/],
  ['Windows', /Windows/],
  ['macOS', /Mac OS X|Macintosh/],
  ['Linux', /Linux|X11/],
];

/** "Firefox, Linux"; what it says itself where that is not known. */
export function device(userAgent: string | null | undefined): string | undefined {
  if (!userAgent) return undefined;
  const name = (known: [string, RegExp][]) => known.find(([, pattern]) => pattern.test(userAgent))?.[0];
  const found = [name(BROWSERS), name(SYSTEMS)].filter(Boolean);
  return found.length ? found.join(', ') : userAgent.slice(0, 60);
}
