/** The terminal in the colours of the theme. */

import type { ISearchOptions } from '@xterm/addon-search';
import type { ITheme } from '@xterm/xterm';

function colour(token: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(token).trim();
}

export function colours(): ITheme {
  return {
    background: colour('--surface'),
    foreground: colour('--text'),
    cursor: colour('--surface'),
    selectionBackground: colour('--line-strong'),
    red: colour('--bad'),
    yellow: colour('--warn'),
    cyan: colour('--info'),
    magenta: colour('--accent'),
    brightBlack: colour('--muted'),
    // What is bold is drawn in these.
    brightRed: colour('--bad'),
    brightMagenta: colour('--accent'),
  };
}

/** How what is found is marked. */
export function marks(): ISearchOptions['decorations'] {
  return {
    matchBackground: colour('--warn-soft'),
    matchBorder: colour('--warn'),
    matchOverviewRuler: colour('--warn'),
    activeMatchBackground: colour('--accent-soft'),
    activeMatchBorder: colour('--accent'),
    activeMatchColorOverviewRuler: colour('--accent'),
  };
}
