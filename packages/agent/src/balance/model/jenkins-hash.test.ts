// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { jenkinsHash, scaleHash } from './jenkins-hash.ts';

describe('jenkinsHash', () => {
  // The values that the author of lookup3 gives in its self-test.
  const text = new TextEncoder().encode('Four score and seven years ago');
  it.each([
    [new Uint8Array(), 0, 0xdeadbeef],
    [new Uint8Array(), 0xdeadbeef, 0xbd5b7dde],
    [text, 0, 0x17770551],
    [text, 1, 0xcd628161],
  ])('of %j with seed %d', (bytes, seed, expected) => {
    expect(jenkinsHash(bytes, seed)).toBe(expected);
  });
});

describe('scaleHash', () => {
  it('takes the highest hash to the last slot', () => {
    expect([scaleHash(0, 7), scaleHash(0xffffffff, 7), scaleHash(0x80000000, 7)]).toEqual([0, 6, 3]);
  });
});
