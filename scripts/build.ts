// SPDX-License-Identifier: Apache-2.0
/**
 * Bundles the two programs that ship, each into its package's `dist/`. Native modules stay outside the bundle: they
 * are loaded from the package's own node_modules (or, in an image, from beside the bundle).
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Output file (without `.js`) -> entry file. The worker is a file of its own because it runs in its own thread. */
const PROGRAMS = [
  { folder: 'packages/cloud-provider', entries: { 'cloud-provider': 'src/main.ts' } },
  { folder: 'packages/agent', entries: { agent: 'src/main.ts', worker: 'src/announce/worker.ts' } },
] as const;

/** Bundled dependencies that are CommonJS still call require(); ESM output has to provide it. */
const REQUIRE_BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** Builds both bundles; takes well under a second, so callers build every time instead of guessing. */
export async function buildPrograms(): Promise<void> {
  await Promise.all(
    PROGRAMS.map(({ folder, entries }) =>
      build({
        absWorkingDir: `${root}/${folder}`,
        entryPoints: entries,
        outdir: 'dist',
        bundle: true,
        platform: 'node',
        target: 'node24',
        format: 'esm',
        minify: true,
        keepNames: true,
        sourcemap: 'linked',
        external: ['koffi', 'raw-socket'],
        banner: { js: REQUIRE_BANNER },
        logLevel: 'warning',
      }),
    ),
  );
}

if (import.meta.main) await buildPrograms();
