import type { Rolldown } from 'vite';

const here = import.meta.dirname;

/** What the overview needs, which is most of what any page needs. */
const FIRST = [
  `${here}/node_modules/@sveltejs/kit/src/runtime/client/client.js`,
  `${here}/src/routes/+layout.svelte`,
  `${here}/src/routes/+layout.ts`,
  `${here}/src/routes/o/[org]/+layout.svelte`,
  `${here}/src/routes/o/[org]/+layout.ts`,
  `${here}/src/routes/o/[org]/+page.svelte`,
];

/**
 * How what is built is put into files. Left alone, each set of pages that shares something gets a file for it, and the overview
 * takes sixty requests, one after another as they are found out. So what the overview needs is in three files that are asked for
 * with the first page: at once they are here sooner than one would be, and a new release of oCore rarely changes all of them.
 */
export const codeSplitting: Rolldown.CodeSplittingOptions = {
  // A group takes with it whatever its modules need, so what needs least comes first.
  groups: [
    { name: needed('svelte', /\/node_modules\/(svelte|@sveltejs|devalue|clsx|esm-env)\//), priority: 3 },
    { name: needed('libraries', /\/node_modules\//), priority: 2 },
    { name: needed('first', /./), priority: 1 },
  ],
};

/** Lists of everything a library has: what is behind them is not what is needed. */
const LISTS = /\/(bits-ui\/dist\/index|bits-ui\/dist\/bits\/index)\.js$/;

let all: Set<string> | undefined;

/** Puts those of the first modules that are so called into a file. */
function needed(name: string, those: RegExp) {
  return (id: string, ask: Rolldown.ChunkingContext) => {
    all ??= gather(FIRST, ask);
    return all.has(id) && those.test(id) ? name : null;
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
