// SPDX-License-Identifier: Apache-2.0
/** Reads vitest's JSON report and renders the closing words of `npm test`. */
import { existsSync, readFileSync } from 'node:fs';
import type { StepResult } from './checks.ts';

/** Counts of one or more test runs; `skipped` carries the full names, so that nothing is skipped silently. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

/** A run in which nothing happened. */
export const EMPTY_TALLY: Tally = { passed: 0, failed: 0, skipped: [] };

interface VitestReport {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Counts a report; a file that failed before its tests were collected counts as one failure. */
export function tallyReport(report: VitestReport): Tally {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const count = (status: string) => tests.filter((test) => test.status === status).length;
  return {
    passed: count('passed'),
    failed: count('failed') + brokenFiles.length,
    skipped: tests
      .filter((test) => test.status !== 'passed' && test.status !== 'failed')
      .map((test) => test.fullName),
  };
}

/** Reads the report file; a missing one means the runner died, which is a failure and not "no tests". */
export function readTally(path: string): Tally {
  if (!existsSync(path)) return { passed: 0, failed: 1, skipped: [] };
  return tallyReport(JSON.parse(readFileSync(path, 'utf8')) as VitestReport);
}

/** Adds two tallies. */
export function mergeTallies(a: Tally, b: Tally): Tally {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: [...a.skipped, ...b.skipped] };
}

/** The closing words: a line per step, then what was skipped, then the count as the last line. */
export function renderSummary(steps: readonly StepResult[], tally: Tally, notes: readonly string[]): string {
  const lines = ['', 'What ran:'];
  for (const step of steps) {
    lines.push(`  ${step.ok ? 'ok    ' : 'FAILED'} ${step.name} (${step.seconds.toFixed(1)} s)`);
  }
  lines.push('What was skipped, and other remarks:');
  for (const name of tally.skipped) lines.push(`  skipped: ${name}`);
  for (const note of notes) lines.push(`  ${note}`);
  const failedSteps = steps.filter((step) => !step.ok).length;
  const failed = Math.max(tally.failed, failedSteps);
  lines.push('', `${tally.passed} passed, ${failed} failed, ${tally.skipped.length} skipped`);
  return lines.join('\n');
}
