// SPDX-License-Identifier: Apache-2.0
/**
 * What somebody types at a terminal and what is answered, as a text to read and to follow (files `*.console`):
 *
 *     # a remark
 *     $ command that succeeds
 *     > its next line
 *     a line of the answer; ... stands for any text in it
 *     ...
 *     % command that is given again until the answer is this
 *
 * A line `...` stands for any lines, also none. A command without an answer below it may answer anything; one that must say
 * nothing has the line `(nothing)`. Pure.
 */

/** One command. */
export interface Step {
  /** Line of the command in the text, from 1. */
  readonly line: number;
  readonly command: string;
  /** Expected lines; undefined when anything is fine. */
  readonly answer: readonly string[] | undefined;
  /** Given again until it succeeds with the expected answer. */
  readonly again: boolean;
}

/** Line that stands for an empty answer. */
const NOTHING = '(nothing)';
const ANY = '...';

/** Reads a transcript; throws, with the line, when an answer has no command. */
export function parseTranscript(text: string): readonly Step[] {
  const steps: { line: number; command: string; lines: string[]; again: boolean }[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trimEnd();
    if (line === '' || line.startsWith('#')) continue;
    const mark = line.slice(0, 2);
    if (mark === '$ ' || mark === '% ') {
      steps.push({ line: index + 1, command: line.slice(2), lines: [], again: mark === '% ' });
      continue;
    }
    const step = steps.at(-1);
    if (step === undefined)
      throw new Error(`line ${index + 1}: expected a command ("$ ...") before "${line}"`);
    if (mark === '> ' && step.lines.length === 0) step.command += `\n${line.slice(2)}`;
    else step.lines.push(line);
  }
  return steps.map(({ lines, ...step }) => ({
    ...step,
    answer: lines.length === 0 ? undefined : lines.filter((line) => line !== NOTHING),
  }));
}

/** Is that the expected answer? Empty lines and blanks at the ends of lines do not count. */
export function isExpected(answer: readonly string[] | undefined, output: string): boolean {
  if (answer === undefined) return true;
  const lines = output
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  return matches(answer, lines);
}

function matches(expected: readonly string[], lines: readonly string[]): boolean {
  // Which prefixes of the expected lines the lines so far can be: a line `...` stays where it is.
  let positions = closure(new Set([0]), expected);
  for (const line of lines) {
    const next = new Set<number>();
    for (const position of positions) {
      const pattern = expected[position];
      if (pattern === undefined) continue;
      if (pattern === ANY) next.add(position);
      else if (lineMatches(pattern, line)) next.add(position + 1);
    }
    positions = closure(next, expected);
  }
  return positions.has(expected.length);
}

function closure(positions: ReadonlySet<number>, expected: readonly string[]): ReadonlySet<number> {
  const reached = new Set(positions);
  for (const position of reached) if (expected[position] === ANY) reached.add(position + 1);
  return reached;
}

function lineMatches(pattern: string, line: string): boolean {
  const parts = pattern.split(ANY).map((part) =>
    part
      .trimEnd()
      .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
      // Columns are as wide as what is in them.
      .replace(/\s+/g, '\\s+'),
  );
  return new RegExp(`^${parts.join('.*')}$`).test(line);
}
