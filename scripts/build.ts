// SPDX-License-Identifier: Apache-2.0
/**
 * Bundles the two programs that ship, each into its package's `dist/`. Native modules stay outside the bundle: they
 * are loaded from the package's own node_modules (or, in an image, from beside the bundle).
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { plainHttp } from './plain-http.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Output file (without `.js`) -> entry file. Workers are files of their own because they run in threads of their own. */
const PROGRAMS = [
  { folder: 'packages/cloud-provider', entries: { 'cloud-provider': 'src/main.ts' } },
  {
    folder: 'packages/agent',
    entries: {
      agent: 'src/main.ts',
      worker: 'src/announce/worker.ts',
      'plane-worker': 'src/balance/user-space/plane-worker.ts',
    },
  },
] as const;

/** Bundled dependencies that are CommonJS still call require(); ESM output has to provide it. */
const REQUIRE_BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** Builds both bundles; takes well under a second, so callers build every time instead of guessing. */
export async function buildPrograms(): Promise<void> {
  await Promise.all(PROGRAMS.map(({ folder, entries }) => buildProgram(`${root}${folder}`, entries)));
}

async function buildProgram(folder: string, entries: Readonly<Record<string, string>>): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: entries,
    outdir: 'dist',
    bundle: true,
    // What is imported on demand stays out of memory until it is needed (reading a kubeconfig, say).
    splitting: true,
    chunkNames: '[name]-[hash]',
    metafile: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    keepNames: true,
    sourcemap: 'linked',
    external: ['koffi', 'raw-socket'],
    plugins: [plainHttp],
    banner: { js: REQUIRE_BANNER },
    logLevel: 'warning',
  });
  // Afterwards, not before: another build, or a program that just starts, may be reading the unchanged ones.
  const built = new Set(Object.keys(metafile.outputs));
  for (const name of readdirSync(join(folder, 'dist'))) {
    if (!built.has(`dist/${name}`)) rmSync(join(folder, 'dist', name), { recursive: true, force: true });
  }
}

if (import.meta.main) await buildPrograms();
