// Bundles src/ with the packages installed in the working directory: node build.mjs OUTPUT_DIRECTORY
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const installed = path.join(process.cwd(), 'node_modules');
const { build } = createRequire(path.join(process.cwd(), 'package.json'))('esbuild');
const here = path.dirname(fileURLToPath(import.meta.url));

// Scenes speak the router's version 6, everything else version 5; Grafana itself bridges them the same way.
const routers = {
  name: 'routers',
  setup(builder) {
    builder.onResolve({ filter: /^react-router-dom$/ }, ({ importer, resolveDir }) =>
      importer.includes(path.join('@grafana', 'scenes'))
        ? builder.resolve('react-router-dom-v5-compat', { kind: 'import-statement', resolveDir })
        : undefined
    );
  },
};

// A CommonJS package whose default export an .mjs importer would not see.
const scrollbars = {
  name: 'scrollbars',
  setup(builder) {
    const name = /^react-custom-scrollbars-2$/;
    builder.onResolve({ filter: name }, ({ pluginData }) =>
      pluginData === 'real' ? undefined : { path: 'scrollbars', namespace: 'default-export' }
    );
    builder.onLoad({ filter: /./, namespace: 'default-export' }, async () => {
      const real = await builder.resolve('react-custom-scrollbars-2', {
        kind: 'import-statement', resolveDir: installed, pluginData: 'real',
      });
      return { contents: `export { Scrollbars as default } from ${JSON.stringify(real.path)}`, resolveDir: installed };
    });
  },
};

await build({
  entryPoints: [path.join(here, 'src', 'main.tsx')],
  outdir: process.argv[2],
  nodePaths: [installed],
  bundle: true,
  minify: true,
  format: 'iife',
  jsx: 'automatic',
  target: 'chrome120',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.woff': 'dataurl', '.woff2': 'dataurl', '.svg': 'dataurl', '.png': 'dataurl', '.ttf': 'empty' },
  plugins: [routers, scrollbars],
  logLevel: 'error',
});
