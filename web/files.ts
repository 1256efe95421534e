import { mkdirSync, writeFileSync } from 'node:fs';
import type { Plugin, Rolldown } from 'vite';

const src = `${import.meta.dirname}/src`;

/**
 * Tells the page, by `hooks.server.ts`, in which files the first words and pages are: it asks for them at once, since its
 * scripts would find out one after another.
 */
export function files(): Plugin {
  return {
    name: 'ocore-files',
    applyToEnvironment: ({ name }) => name === 'client',
    // After Vite has said which styles belong to which chunk.
    enforce: 'post',
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
      const of = (entry: string) => {
        const wanted = `${src}/${entry}`;
        // Of a page SvelteKit makes an entry that only imports it.
        const isFor = (chunk: Rolldown.OutputChunk) =>
          chunk.facadeModuleId === wanted ||
          (/^nodes\//.test(chunk.name) &&
            this.getModuleInfo(chunk.facadeModuleId ?? '')?.importedIds.includes(wanted));
        const chunk = chunks.find(isFor);
        if (!chunk) this.error(`${entry} is in no file`);
        return `/${chunk.fileName}`;
      };
      // Words are called so as well.
      const first = chunks.find((chunk) => chunk.moduleIds.includes(`${src}/routes/+layout.svelte`));
      const styles = Object.values(bundle)
        .map((file) => file.fileName)
        .filter((name) => name.endsWith('.css'));
      const told = {
        words: { en: of('lib/messages/en/first.ts'), fr: of('lib/messages/fr/first.ts') },
        frame: [of('routes/+error.svelte'), of('routes/o/[org]/+layout.svelte')],
        overview: [of('routes/o/[org]/+page.svelte')],
        later: styles.filter((name) => !first?.viteMetadata?.importedCss.has(name)).map((name) => `/${name}`),
      };
      mkdirSync(`${src}/../.svelte-kit`, { recursive: true });
      writeFileSync(`${src}/../.svelte-kit/files.json`, JSON.stringify(told));
    },
  };
}
