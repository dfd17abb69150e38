// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLabelSelector } from './label-selector.ts';

const LABELS = { app: 'echo', tier: 'back', count: '5', empty: '' };

function selected(text: string, labels: Readonly<Record<string, string>> = LABELS): boolean | string {
  const selector = parseLabelSelector(text);
  return selector.ok ? selector.value.matches(labels) : selector.problem;
}

describe('parseLabelSelector', () => {
  it.each([
    ['app=echo', true],
    ['app==echo,tier=back', true],
    ['app=echo,tier=front', false],
    ['app!=echo', false],
    ['missing!=x', true],
    ['app', true],
    ['missing', false],
    ['!missing', true],
    ['!app', false],
    ['app in (echo, other)', true],
    ['app in (other)', false],
    ['app notin (other)', true],
    ['missing notin (x)', true],
    ['missing in (x)', false],
    ['count>4', true],
    ['count<5', false],
    ['missing>1', false],
    ['empty=', true],
    ['empty in ()', true],
    ['app in (echo),!missing , tier', true],
    ['app=echo,', true],
  ])('%s', (text, expected) => {
    expect(selected(text)).toBe(expected);
  });

  it('selects everything when empty', () => {
    expect(selected('')).toBe(true);
    expect(selected('  ', {})).toBe(true);
  });

  it.each([
    ['a b c', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['=x', "found '=', expected: !, identifier, or 'end of string'"],
    ['a,,b', "found ',', expected: identifier after ','"],
    ['-a=b', 'unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of'],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
  ])('refuses %s', (text, message) => {
    expect(selected(text)).toContain(message);
  });

  it('agrees with itself: equality is membership in a set of one', () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,5}$/);
    fc.assert(
      fc.property(word, word, fc.dictionary(word, word), (key, value, labels) => {
        const equal = selected(`${key}=${value}`, labels);
        expect(selected(`${key} in (${value})`, labels)).toBe(equal);
        expect(selected(`${key}!=${value}`, labels)).toBe(!equal);
        expect(selected(`${key} notin (${value})`, labels)).toBe(!equal);
      }),
    );
  });
});
