import type { Rolldown } from 'vite';

const here = import.meta.dirname;

/**
 * How what is built is put into files. Left alone, each set of pages that shares something gets a file for it, and the overview
 * takes sixty requests, one after another as they are found out. So what the overview needs, which is most of what any page
 * needs, is one file, and is asked for with the first page.
 */
export const codeSplitting: Rolldown.CodeSplittingOptions = {
  groups: [
    {
      name: needed('first', [
        `${here}/node_modules/@sveltejs/kit/src/runtime/client/client.js`,
        `${here}/src/routes/+layout.svelte`,
        `${here}/src/routes/+layout.ts`,
        `${here}/src/routes/o/[org]/+layout.svelte`,
        `${here}/src/routes/o/[org]/+layout.ts`,
        `${here}/src/routes/o/[org]/+page.svelte`,
      ]),
    },
  ],
};

/** Lists of everything a library has: what is behind them is not what is needed. */
const LISTS = /\/(bits-ui\/dist\/index|bits-ui\/dist\/bits\/index)\.js$/;

/** Puts together what some modules need at once. */
function needed(name: string, by: string[]) {
  let all: Set<string> | undefined;
  return (id: string, ask: Rolldown.ChunkingContext) => {
    all ??= gather(by, ask);
    return all.has(id) ? name : null;
  };
}

function gather(by: string[], ask: Rolldown.ChunkingContext): Set<string> {
  const all = new Set<string>();
  const next = [...by];
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    if (all.has(id) || LISTS.test(id)) continue;
    all.add(id);
    next.push(...(ask.getModuleInfo(id)?.importedIds ?? []));
  }
  return all;
}
