// SPDX-License-Identifier: Apache-2.0
/**
 * `npm test`: static checks, unit tests, then the lab (network namespaces), and at the end what ran, what was skipped
 * and why. Arguments: any of `static`, `unit`, `lab` to run only these, and anything else is handed to vitest.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labNamespaceCommand } from '../test/lab/src/namespace.ts';
import { buildPrograms } from './build.ts';
import { ROOT, runStaticChecks, type StepResult } from './checks.ts';
import { buildImages } from './image/oci.ts';
import { EMPTY_TALLY, mergeTallies, readTally, renderSummary, type Tally } from './test-report.ts';

const PARTS = ['static', 'unit', 'lab'] as const;
type Part = (typeof PARTS)[number];

const isPart = (argument: string): argument is Part => (PARTS as readonly string[]).includes(argument);

/** Why the lab cannot run here, or undefined when it can. A trial, because kernels forbid namespaces in many ways. */
function labObstacle(): string | undefined {
  const command = labNamespaceCommand(['true']);
  const trial = spawnSync(command[0] ?? 'unshare', command.slice(1), { encoding: 'utf8' });
  if (trial.status === 0) return undefined;
  return `private namespaces cannot be made here: ${(trial.stderr || trial.error?.message || `exit ${trial.status}`).trim()}`;
}

function runVitest(project: 'unit' | 'lab', filters: readonly string[], folder: string): [StepResult, Tally] {
  const report = join(folder, `${project}.json`);
  const vitest = [
    process.execPath,
    `${ROOT}/node_modules/vitest/vitest.mjs`,
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    '--passWithNoTests',
    ...filters,
  ];
  const command = project === 'lab' ? labNamespaceCommand(vitest) : vitest;
  const started = performance.now();
  const { status } = spawnSync(command[0] ?? process.execPath, command.slice(1), {
    cwd: ROOT,
    stdio: 'inherit',
    env: process.env,
  });
  const step = { name: `${project} tests`, ok: status === 0, seconds: (performance.now() - started) / 1000 };
  return [step, readTally(report)];
}

/** Is the test of the images among those to run? As vitest reads the filters: parts of paths. */
function wantsImages(filters: readonly string[]): boolean {
  const path = `${ROOT}/test/e2e/src/image/image.lab.test.ts`;
  return filters.length === 0 || filters.some((filter) => path.includes(filter));
}

/** Builds the images, which the lab could not: it has no way to Debian's packages. */
async function imageStep(): Promise<StepResult> {
  const started = performance.now();
  let ok = true;
  try {
    await buildImages();
  } catch (error) {
    console.error(error);
    ok = false;
  }
  return { name: 'images', ok, seconds: (performance.now() - started) / 1000 };
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const chosen = args.filter(isPart);
  const parts = new Set<Part>(chosen.length > 0 ? chosen : PARTS);
  const filters = args.filter((argument) => !isPart(argument));
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
  const steps: StepResult[] = [];
  const notes: string[] = [];
  let tally = EMPTY_TALLY;
  try {
    await buildPrograms();
    if (parts.has('static')) steps.push(...runStaticChecks());
    for (const project of ['unit', 'lab'] as const) {
      if (!parts.has(project)) continue;
      const obstacle = project === 'lab' ? labObstacle() : undefined;
      if (obstacle !== undefined) {
        notes.push(`THE LAB DID NOT RUN, nothing about the network was tested: ${obstacle}`);
        continue;
      }
      if (project === 'lab' && wantsImages(filters)) steps.push(await imageStep());
      const [step, counted] = runVitest(project, filters, folder);
      steps.push(step);
      tally = mergeTallies(tally, counted);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const part of PARTS) if (!parts.has(part)) notes.push(`${part}: left out by the arguments`);
  notes.push(
    process.env.KUBEBUILDER_ASSETS
      ? 'API server: the real one from KUBEBUILDER_ASSETS where a cluster runs'
      : 'API server: the embedded one; a real kube-apiserver was not tried (KUBEBUILDER_ASSETS is not set)',
  );
  console.log(renderSummary(steps, tally, notes));
  return steps.every((step) => step.ok) && tally.failures.length === 0 ? 0 : 1;
}

process.exit(await main());
