// SPDX-License-Identifier: Apache-2.0
/** Reads vitest's JSON report and renders the closing words of `npm test`. */
import { existsSync, readFileSync } from 'node:fs';
import type { StepResult } from './checks.ts';

/** A test that failed, or a file that broke before its tests were known. */
export interface Failure {
  readonly name: string;
  /** First lines of what it said. */
  readonly message: string;
}

/** Counts of one or more test runs; failures and skipped tests carry full names, so that nothing is lost in a long log. */
export interface Tally {
  readonly passed: number;
  readonly failures: readonly Failure[];
  readonly skipped: readonly string[];
}

/** Longer lists of skipped tests of one group are told as a count. */
const LISTED_PER_GROUP = 3;

/** Between the group and the test in the name of a skipped test. */
const SEPARATOR = ' > ';

/** A run in which nothing happened. */
export const EMPTY_TALLY: Tally = { passed: 0, failures: [], skipped: [] };

/** How much of a failure's message the closing words repeat. */
const MESSAGE_LINES = 12;

interface VitestTest {
  readonly status: string;
  readonly title: string;
  readonly ancestorTitles: readonly string[];
  readonly failureMessages?: readonly string[] | null;
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly VitestTest[];
  }[];
}

/** Counts a report; a file that failed before its tests were collected counts as one failure. */
export function tallyReport(report: VitestReport): Tally {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const failures = report.testResults.flatMap((file): Failure[] => {
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0 && file.status === 'failed') {
      return [{ name: file.name, message: firstLines(file.message ?? 'broke before its first test') }];
    }
    return failed.map((test) => ({
      name: `${file.name}${SEPARATOR}${fullName(test)}`,
      message: firstLines((test.failureMessages ?? []).join('\n')),
    }));
  });
  return {
    passed: tests.filter((test) => test.status === 'passed').length,
    failures,
    skipped: tests.filter((test) => test.status !== 'passed' && test.status !== 'failed').map(fullName),
  };
}

function fullName({ ancestorTitles, title }: VitestTest): string {
  return [...ancestorTitles, title].join(SEPARATOR);
}

function firstLines(text: string): string {
  return text.split('\n').slice(0, MESSAGE_LINES).join('\n');
}

/** Reads the report file; a missing one means the runner died, which is a failure and not "no tests". */
export function readTally(path: string): Tally {
  if (!existsSync(path)) {
    return {
      passed: 0,
      failures: [{ name: path, message: 'the test runner ended without a report' }],
      skipped: [],
    };
  }
  return tallyReport(JSON.parse(readFileSync(path, 'utf8')) as VitestReport);
}

/** Adds two tallies. */
export function mergeTallies(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failures: [...a.failures, ...b.failures],
    skipped: [...a.skipped, ...b.skipped],
  };
}

/** The closing words: a line per step, what was skipped, what failed and how, and the count as the last line. */
export function renderSummary(steps: readonly StepResult[], tally: Tally, notes: readonly string[]): string {
  const lines = ['', 'What ran:'];
  for (const step of steps) {
    lines.push(`  ${step.ok ? 'ok    ' : 'FAILED'} ${step.name} (${step.seconds.toFixed(1)} s)`);
  }
  lines.push('What was skipped, and other remarks:');
  for (const line of skippedByGroup(tally.skipped)) lines.push(`  skipped: ${line}`);
  for (const note of notes) lines.push(`  ${note}`);
  for (const { name, message } of tally.failures) {
    lines.push('', `FAILED ${name}`, ...message.split('\n').map((line) => `  ${line}`));
  }
  const failedSteps = steps.filter((step) => !step.ok).length;
  const failed = Math.max(tally.failures.length, failedSteps);
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
