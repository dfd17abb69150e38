// SPDX-License-Identifier: Apache-2.0
/**
 * Entry point of every npm script: makes the checkout ready, then runs the task on the pinned Node 24.
 * Usage: node scripts/run.mjs <task> [arguments]
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { childEnvironment, PINNED_NODE, ROOT, setup } from './setup.mjs';
import { BENCH_TOOLS, BUILD_TOOLS, ensureSystemTools } from './system-tools.mjs';

/** Task -> the TypeScript program that does it (Node 24 runs TypeScript as it is). */
const TASKS = {
  demo: 'test/e2e/src/demo/main.ts',
  test: 'scripts/test.ts',
  bench: 'test/bench/src/main.ts',
  lab: 'test/lab/src/cli/main.ts',
  build: 'scripts/build.ts',
  image: 'scripts/image/main.ts',
  check: 'scripts/check.ts',
  format: 'scripts/format.ts',
  docs: 'scripts/docs.ts',
  setup: undefined,
};

const [task, ...args] = process.argv.slice(2);
if (task === undefined || !(task in TASKS)) {
  console.error(`usage: npm run <${Object.keys(TASKS).join('|')}> [-- arguments]; got: ${task ?? 'nothing'}`);
  process.exit(2);
}
/** Making the file systems of images needs little, and happens where nothing else will: in a stage of the Dockerfile. */
const tools = task === 'image' && args[0] === 'root' ? BUILD_TOOLS : undefined;
try {
  setup(tools);
} catch (error) {
  console.error(`setup: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

if (task === 'bench' || task === 'setup') {
  try {
    ensureSystemTools(BENCH_TOOLS);
  } catch (error) {
    console.error(`setup: ${error instanceof Error ? error.message : error}; benchmarks leave it out`);
  }
}

const program = TASKS[task];
if (program !== undefined) {
  const child = spawn(PINNED_NODE, [join(ROOT, program), ...args], {
    stdio: 'inherit',
    env: childEnvironment(),
  });
  // The terminal sends Ctrl-C to the whole group; waiting for the child lets it clean up and set the exit code.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (!process.stdin.isTTY || signal !== 'SIGINT') child.kill(signal);
    });
  }
  child.on('error', (error) => {
    console.error(`cannot start ${PINNED_NODE}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}
