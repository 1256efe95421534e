import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';
import { codeSplitting } from './chunks.ts';
import { files } from './files.ts';

// While developing, the API is asked of an `ocore serve` beside it.
const api = process.env.OCORE_API_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [
    tailwindcss(),
    files(),
    sveltekit({
      // One page for every address: which one it shows is found out in the browser.
      adapter: adapter({ fallback: 'index.html', precompress: true }),
      paths: { relative: false },
      compilerOptions: { runes: true },
    }),
  ],
  environments: { client: { build: { rolldownOptions: { output: { codeSplitting } } } } },
  server: { proxy: { '/api': api, '/health': api } },
});
