// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstVoters, nextVoters, type VoterCandidate } from './choose-voters.ts';
import { type GroupSize, majorityOf } from './group-record.ts';

/** `a` live worker, `A` live control-plane node; then `?` silent, `!` dead, `-` leaving. */
function agents(text: string): readonly VoterCandidate[] {
  const states = { '?': 'silent', '!': 'dead', '-': 'leaving' } as const;
  return [...text.matchAll(/([a-zA-Z])([?!-]?)/g)].map(([, letter = '', mark = '']) => ({
    name: letter.toLowerCase(),
    controlPlane: letter !== letter.toLowerCase(),
    state: states[mark as keyof typeof states] ?? 'live',
  }));
}

const next = (voters: string, text: string, size: GroupSize = 3) =>
  nextVoters([...voters], agents(text), size)?.join('');

/** All steps until nothing changes. */
function steps(voters: string, text: string, size: GroupSize = 3): readonly string[] {
  const all: string[] = [];
  for (
    let now: string | undefined = next(voters, text, size);
    now !== undefined;
    now = next(now, text, size)
  ) {
    all.push(now);
    if (all.length > 20) throw new Error(`no end: ${all.join(' ')}`);
  }
  return all;
}

describe('firstVoters', () => {
  it('takes control-plane nodes first, then names, and an odd number', () => {
    expect(firstVoters(agents('abCDe'), 3)).toEqual(['a', 'c', 'd']);
    expect(firstVoters(agents('abCDe'), 5)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(firstVoters(agents('abCD'), 5)).toEqual(['a', 'c', 'd']);
    expect(firstVoters(agents('abcdefgh'), 7)?.length).toBe(7);
    expect(firstVoters(agents('ab'), 3)).toBeUndefined();
    expect(firstVoters(agents('abcd!e?'), 3)).toEqual(['a', 'b', 'c']);
    expect(firstVoters(agents('abc-'), 3)).toBeUndefined();
  });
});

describe('nextVoters', () => {
  it('leaves alone what is well, and what cannot be bettered', () => {
    expect(steps('abc', 'abcde')).toEqual([]);
    expect(steps('abc', 'abc?de')).toEqual([]);
    expect(steps('abc', 'abc!')).toEqual([]);
    expect(steps('abc', 'abc-')).toEqual([]);
  });

  it('takes a dead voter out, then puts a live one in', () => {
    expect(steps('abc', 'abc!de')).toEqual(['ab', 'abd']);
    expect(steps('abc', 'abc!dE')).toEqual(['ab', 'abe']);
    // Gone altogether.
    expect(steps('abc', 'abd')).toEqual(['ab', 'abd']);
    expect(steps('abcde', 'abcd!e!fg', 5)).toEqual(['abcd', 'abcdf', 'abcf', 'abcfg']);
  });

  it('puts a successor in before a leaving voter goes', () => {
    expect(steps('abc', 'a-bcd')).toEqual(['abcd', 'bcd']);
  });

  it('prefers control-plane nodes, one at a time', () => {
    expect(steps('abc', 'abcDEF')).toEqual(['abcd', 'abd', 'abde', 'ade', 'adef', 'def']);
  });

  it('grows and shrinks to the size', () => {
    expect(steps('abc', 'abcdef', 5)).toEqual(['abcd', 'abcde']);
    expect(steps('abc', 'abcd', 5)).toEqual([]);
    expect(steps('abcde', 'abcde', 3)).toEqual(['abcd', 'abc']);
    // Three living ones of three can lose one; three of five cannot.
    expect(steps('abcde', 'abcd!e!', 5)).toEqual(['abcd', 'abc']);
    expect(steps('abcde', 'abcde!', 5)).toEqual([]);
  });

  it('does nothing that would need somebody who does not answer', () => {
    expect(steps('abc', 'ab?c!d')).toEqual([]);
    expect(steps('abc', 'ab!c!de')).toEqual([]);
  });

  it('changes one at a time, keeps a living majority, and comes to an end', () => {
    const agent = fc.record({
      name: fc.constantFrom(...'abcdefghij'),
      controlPlane: fc.boolean(),
      state: fc.constantFrom('live' as const, 'live', 'live', 'silent', 'dead', 'leaving'),
    });
    const all = fc.uniqueArray(agent, { selector: ({ name }) => name, maxLength: 10 });
    fc.assert(
      fc.property(
        all,
        fc.uniqueArray(fc.constantFrom(...'abcdefghij'), { minLength: 1, maxLength: 7 }),
        fc.constantFrom<GroupSize>(3, 5, 7),
        (candidates, start, size) => {
          let voters: readonly string[] = [...start].sort();
          for (let count = 0; ; count++) {
            expect(count).toBeLessThan(30);
            const after = nextVoters(voters, candidates, size);
            if (after === undefined) break;
            const added = after.filter((name) => !voters.includes(name)).length;
            const removed = voters.filter((name) => !after.includes(name)).length;
            expect(added + removed).toBe(1);
            const answering = after.filter((name) =>
              candidates.some(
                (other) => other.name === name && (other.state === 'live' || other.state === 'leaving'),
              ),
            );
            expect(answering.length).toBeGreaterThanOrEqual(majorityOf(after.length));
            voters = after;
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
