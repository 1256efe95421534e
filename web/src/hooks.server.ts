/** Nothing is drawn by a server: this is for the build, when it writes the one page. */

import { readFileSync } from 'node:fs';
import type { Handle } from '@sveltejs/kit/hooks';
import { building } from '$app/env';

/** What `files.ts` found in the build. */
interface Files {
  later: string[];
}

function found(): Files {
  return building ? (JSON.parse(readFileSync('.svelte-kit/files.json', 'utf8')) as Files) : { later: [] };
}

export const handle: Handle = ({ event, resolve }) => {
  const { later, ...files } = found();
  return resolve(event, {
    transformPageChunk: ({ html }) =>
      html
        .replace('%ocore.files%', JSON.stringify(files))
        // Styles of what is loaded later come with it; nobody waits for them now.
        .replace(/\s*<link href="([^"]+)" rel="stylesheet">/g, (link, href: string) =>
          later.includes(href) ? '' : link,
        ),
  });
};
