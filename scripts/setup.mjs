// SPDX-License-Identifier: Apache-2.0
/**
 * Makes a fresh clone ready: system tools, npm packages (pnpm, frozen lock file), the pinned Node 24, and the native
 * part of raw-socket built against that Node. Idempotent: a second call reads one stamp file and needs no network.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureSystemTools, pathWithSbin, SYSTEM_TOOLS } from './system-tools.mjs';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STAMP = join(ROOT, 'node_modules', '.fairlead-setup');
const NODE_PACKAGE = `node-linux-${process.arch}`;
const NODE_HOME = join(ROOT, 'node_modules', NODE_PACKAGE);

/** The pinned Node 24 binary that everything after the set-up runs on. */
export const PINNED_NODE = join(NODE_HOME, 'bin', 'node');

/** Environment for every program we start: system folders on the PATH, the pinned Node first. */
export function childEnvironment() {
  return { ...process.env, PATH: `${dirname(PINNED_NODE)}:${pathWithSbin()}` };
}

function manifests() {
  const inFolder = (folder) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name, 'package.json'));
  return [
    'package.json',
    'pnpm-workspace.yaml',
    'pnpm-lock.yaml',
    'scripts/setup.mjs',
    ...inFolder('packages'),
    ...inFolder('test'),
  ].filter((path) => existsSync(join(ROOT, path)));
}

/** What the installed state depends on; the path too, because the native build remembers it. */
function fingerprint() {
  const hash = createHash('sha256').update(`${ROOT}\n${process.arch}\n`);
  for (const path of manifests()) hash.update(`${path}\n`).update(readFileSync(join(ROOT, path)));
  return hash.digest('hex');
}

function run(label, command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', ...options });
  if (result.error) throw new Error(`${label}: ${result.error.message}`);
  if (result.status !== 0) {
    throw new Error(`${label} failed (exit ${result.status}):\n${result.stdout ?? ''}${result.stderr ?? ''}`);
  }
  return result.stdout ?? '';
}

function installPackages() {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  console.error(`setup: installing npm packages with ${packageManager}`);
  run('pnpm install', 'npx', ['--yes', packageManager, 'install', '--frozen-lockfile'], {
    env: { ...process.env, CI: 'true' },
  });
  if (!existsSync(PINNED_NODE)) {
    throw new Error(
      `no pinned Node for ${process.platform}/${process.arch}: package ${NODE_PACKAGE} is missing`,
    );
  }
}

/** Calls `use` with a path that make understands: the folder's own, or a short-lived link when that has e.g. spaces. */
function withPlainPath(folder, use) {
  if (/^[\w./@+-]+$/.test(folder)) return use(folder);
  const temporary = mkdtempSync(join(tmpdir(), 'fairlead-setup-'));
  try {
    const link = join(temporary, 'node');
    symlinkSync(folder, link);
    return use(link);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function buildRawSocket() {
  console.error('setup: building raw-socket for the pinned Node');
  const folder = join(ROOT, 'packages', 'agent', 'node_modules', 'raw-socket');
  const nodeGyp = join(ROOT, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  withPlainPath(NODE_HOME, (nodedir) =>
    // --nodedir: the headers of the pinned Node, whatever a user-level npm setting says.
    run('building raw-socket', PINNED_NODE, [nodeGyp, 'rebuild', `--nodedir=${nodedir}`], {
      cwd: folder,
      env: { ...childEnvironment(), npm_config_nodedir: nodedir },
    }),
  );
  run('loading raw-socket', PINNED_NODE, ['-e', 'require("raw-socket")'], {
    cwd: join(ROOT, 'packages', 'agent'),
  });
}

/** Brings the checkout to a state in which everything can run. Throws one readable error when it cannot. */
export function setup(tools = SYSTEM_TOOLS) {
  if (process.platform !== 'linux') {
    throw new Error(`Fairlead needs Linux (network namespaces, nftables); this is ${process.platform}`);
  }
  ensureSystemTools(tools);
  const wanted = fingerprint();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  rmSync(STAMP, { force: true });
  installPackages();
  buildRawSocket();
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, wanted);
}
