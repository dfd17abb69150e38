// SPDX-License-Identifier: Apache-2.0
/**
 * Bundles the two programs that ship, each into its package's `dist/`. Native modules stay outside the bundle: they
 * are loaded from the package's own node_modules (or, in an image, from beside the bundle).
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { plainHttp } from './plain-http.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Files that are bundled by themselves, with all they need: a program, a thread, or the part of a program that serves. */
interface Program {
  /** Output file, without `.js`. */
  readonly name: string;
  readonly folder: string;
  readonly entry: string;
  /** What it imports on demand as another output: specifier in the source -> output. */
  readonly others?: Readonly<Record<string, string>>;
}

/**
 * The agent's daemon is apart from its other commands: what they share would else be cut into four dozen files, each of which
 * costs most of a millisecond at the start.
 */
const PROGRAMS: readonly Program[] = [
  { name: 'cloud-provider', folder: 'packages/cloud-provider', entry: 'src/main.ts' },
  {
    name: 'agent',
    folder: 'packages/agent',
    entry: 'src/main.ts',
    others: { '../manager/run.ts': './manager.js' },
  },
  { name: 'manager', folder: 'packages/agent', entry: 'src/manager/run.ts' },
  { name: 'worker', folder: 'packages/agent', entry: 'src/announce/worker.ts' },
  { name: 'plane-worker', folder: 'packages/agent', entry: 'src/balance/user-space/plane-worker.ts' },
];

/** Bundled dependencies that are CommonJS still call require(); ESM output has to provide it. */
const REQUIRE_BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** Builds both bundles; takes well under a second, so callers build every time instead of guessing. */
export async function buildPrograms(): Promise<void> {
  const built = new Set((await Promise.all(PROGRAMS.map(buildProgram))).flat());
  // Afterwards, not before: another build, or a program that just starts, may be reading the unchanged ones.
  for (const folder of new Set(PROGRAMS.map((program) => `${root}${program.folder}/dist`))) {
    for (const name of readdirSync(folder)) {
      if (!built.has(join(folder, name))) rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}

/** Resolves to the files that were written. */
async function buildProgram({ name, folder, entry, others = {} }: Program): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: `${root}${folder}`,
    entryPoints: { [name]: entry },
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
    plugins: [plainHttp, otherOutputs(others)],
    banner: { js: REQUIRE_BANNER },
    logLevel: 'warning',
  });
  return Object.keys(metafile.outputs).map((path) => join(`${root}${folder}`, path));
}

function otherOutputs(others: Readonly<Record<string, string>>): Plugin {
  return {
    name: 'other-outputs',
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.?\// }, ({ path, kind }) => {
        const output = kind === 'dynamic-import' ? others[path] : undefined;
        return output === undefined ? undefined : { path: output, external: true };
      });
    },
  };
}

if (import.meta.main) await buildPrograms();
