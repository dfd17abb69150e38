// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isExpected, parseTranscript } from './transcript.ts';

describe('a transcript', () => {
  it('has commands, their next lines and answers', () => {
    const text = ['# remark', '$ one \\', '> two', 'said', '', '% three', '$ four', '(nothing)'].join('\n');
    expect(parseTranscript(text)).toEqual([
      { line: 2, command: 'one \\\ntwo', answer: ['said'], again: false },
      { line: 6, command: 'three', answer: undefined, again: true },
      { line: 7, command: 'four', answer: [], again: false },
    ]);
  });

  it('says where an answer has no command', () => {
    expect(() => parseTranscript('# remark\nsaid\n$ one')).toThrow('line 2: expected a command');
  });
});

describe('an answer', () => {
  it.each([
    [undefined, 'anything\nat all', true],
    [[], '', true],
    [[], '\n \n', true],
    [[], 'a', false],
    [['a'], 'a\n', true],
    [['a'], 'b', false],
    [['a'], 'a\nb', false],
    [['a', 'b'], 'a', false],
    [['a', '...'], 'a', true],
    [['a', '...', 'b'], 'a\nx\ny\nb', true],
    [['...', 'b'], 'a\nb\nc', false],
    [['...', '...'], '', true],
    [['echo-app ... 80:.../TCP ...'], 'echo-app   LoadBalancer  10.0.0.1   80:31000/TCP   3s', true],
    [['1.2.3'], '1x2x3', false],
    [['NAME TYPE'], 'NAME       TYPE', true],
  ] as const)('%j is expected, %j comes: %s', (answer, output, good) => {
    expect(isExpected(answer, output)).toBe(good);
  });

  it('is expected when it is itself, and with any of its lines left open', () => {
    const line = fc.string({ minLength: 1 }).filter((text) => text.trim() !== '' && !text.includes('...'));
    fc.assert(
      fc.property(fc.array(line), fc.nat(), (raw, at) => {
        const lines = raw.map((text) => text.replaceAll('\n', ' ').trimEnd()).filter((text) => text !== '');
        const output = lines.join('\n');
        expect(isExpected(lines, output)).toBe(true);
        const open = lines.toSpliced(lines.length === 0 ? 0 : at % lines.length, 1, '...');
        expect(isExpected(open, output)).toBe(true);
      }),
    );
  });
});
