// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { EMPTY_TALLY, mergeTallies, readTally, renderSummary, tallyReport } from './test-report.ts';

const file = (status: string, ...statuses: string[]) => ({
  name: 'some.test.ts',
  status,
  assertionResults: statuses.map((each, index) => ({
    status: each,
    title: `test ${index} ${each}`,
    ancestorTitles: ['a group'],
    failureMessages: each === 'failed' ? ['expected 1, received 2'] : [],
  })),
});

describe('tallyReport', () => {
  it('counts by status and names what was skipped', () => {
    const report = { testResults: [file('passed', 'passed', 'pending'), file('failed', 'passed', 'failed')] };
    expect(tallyReport(report)).toEqual({
      passed: 2,
      failures: [{ name: 'some.test.ts > a group > test 1 failed', message: 'expected 1, received 2' }],
      skipped: ['a group > test 1 pending'],
    });
  });

  it('counts a file that broke before its first test as a failure', () => {
    expect(tallyReport({ testResults: [{ ...file('failed'), message: 'no such module' }] }).failures).toEqual(
      [{ name: 'some.test.ts', message: 'no such module' }],
    );
  });
});

describe('readTally', () => {
  it('treats a missing report as a failure, not as an empty run', () => {
    expect(readTally('/nonexistent/report.json').failures).toHaveLength(1);
  });
});

describe('renderSummary', () => {
  it('ends with the plain count', () => {
    const tally = mergeTallies(EMPTY_TALLY, { passed: 3, failures: [], skipped: ['a'] });
    const text = renderSummary([{ name: 'types', ok: true, seconds: 1 }], tally, ['a note']);
    expect(text.split('\n').at(-1)).toBe('3 passed, 0 failed, 1 skipped');
    expect(text).toContain('skipped: a');
    expect(text).toContain('a note');
  });

  it('tells a large group of skipped tests as one line', () => {
    const skipped = Array.from({ length: 40 }, (_, index) => `real server > case ${index}`);
    const text = renderSummary([], { passed: 1, failures: [], skipped: [...skipped, 'other > one'] }, []);
    expect(text).toContain('skipped: real server (40 tests)');
    expect(text).toContain('skipped: other > one');
    expect(text).not.toContain('case 7');
  });

  it('repeats what failed near the end, where a long log is read first', () => {
    const failures = [{ name: 'x.test.ts > a', message: 'expected 1\nreceived 2' }];
    const text = renderSummary([], { passed: 1, failures, skipped: [] }, []);
    expect(text.split('\n').slice(-5)).toEqual([
      'FAILED x.test.ts > a',
      '  expected 1',
      '  received 2',
      '',
      '1 passed, 1 failed, 0 skipped',
    ]);
  });

  it('counts a failed step without a failed test', () => {
    const text = renderSummary([{ name: 'types', ok: false, seconds: 1 }], EMPTY_TALLY, []);
    expect(text.split('\n').at(-1)).toBe('0 passed, 1 failed, 0 skipped');
  });
});
