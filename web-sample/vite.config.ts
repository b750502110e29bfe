import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const runtime = dirname(dirname(createRequire(import.meta.url).resolve('@litertjs/core')));
const { version } = JSON.parse(readFileSync(join(runtime, 'package.json'), 'utf8')) as { version: string };
const folder = `litert-${version}`;

/** LiteRT's WebAssembly beside the page: for browsers with relaxed SIMD, and for the others. */
function liteRt(): Plugin {
  const files = ['', 'compat_'].flatMap((kind) => ['js', 'wasm'].map((type) => `litert_wasm_${kind}internal.${type}`));
  return {
    name: 'litert-wasm',
    generateBundle() {
      for (const file of files) {
        this.emitFile({
          type: 'asset',
          fileName: `${folder}/${file}`,
          source: readFileSync(join(runtime, 'wasm', file)),
        });
      }
    },
  };
}

export default defineConfig({
  base: './',
  define: { RUNTIME_FOLDER: JSON.stringify(`${folder}/`) },
  // dicom-parser asks for Node's zlib, only to read deflated files, which the sample refuses
  resolve: { alias: { zlib: join(import.meta.dirname, 'src/image/no-zlib.ts') } },
  plugins: [liteRt()],
  worker: { format: 'iife' },
  build: {
    target: 'es2023',
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { index: 'index.html', 'service-worker': 'src/service-worker.ts' },
      output: { entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js') },
    },
  },
});
