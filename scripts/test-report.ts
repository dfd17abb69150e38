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

/** Longer lists of skipped tests of one group are told as a count. */
const LISTED_PER_GROUP = 3;

/** Between the group and the test in the name of a skipped test. */
const SEPARATOR = ' > ';

/** A run in which nothing happened. */
export const EMPTY_TALLY: Tally = { passed: 0, failed: 0, skipped: [] };

interface VitestReport {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title: string;
      readonly ancestorTitles: readonly string[];
    }[];
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
      .map(({ ancestorTitles, title }) => [...ancestorTitles, title].join(SEPARATOR)),
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
  for (const line of skippedByGroup(tally.skipped)) lines.push(`  skipped: ${line}`);
  for (const note of notes) lines.push(`  ${note}`);
  const failedSteps = steps.filter((step) => !step.ok).length;
  const failed = Math.max(tally.failed, failedSteps);
  lines.push('', `${tally.passed} passed, ${failed} failed, ${tally.skipped.length} skipped`);
  return lines.join('\n');
}

/** One line per skipped test, or one per outermost group when that has many. */
function skippedByGroup(names: readonly string[]): string[] {
  const groups = Map.groupBy(names, (name) => name.split(SEPARATOR, 1)[0] ?? name);
  return [...groups].flatMap(([group, members]) =>
    members.length > LISTED_PER_GROUP ? [`${group} (${members.length} tests)`] : members,
  );
}
