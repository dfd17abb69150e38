// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { usurpedClaims } from './usurped.ts';

const OURS = [{ host: 'n1', fromMs: 1_000, toMs: 20_000 }];
const HISTORY = [
  { atMs: 0, holder: 'n1' },
  { atMs: 5_000, holder: '' },
  { atMs: 5_500, holder: 'n2' },
  { atMs: 9_000, holder: 'n1' },
];

it.each<readonly [string, string, number, boolean]>([
  ['its holder', 'n1', 4_000, false],
  ['nobody has it', 'n1', 5_400, false],
  ['a frame under way', 'n1', 5_590, false],
  ['another holder', 'n1', 6_000, true],
  ['a record that is late', 'n1', 8_100, false],
  ['the holder again', 'n1', 9_200, false],
  ['the peer, late', 'n2', 9_500, false],
  ['not ours yet', 'n1', 900, false],
])('judges %s', (_what, host, atMs, isUsurped) => {
  const claims = [{ atMs, address: '192.0.2.1', host }];
  expect(usurpedClaims(claims, new Map([['192.0.2.1', HISTORY]]), OURS)).toEqual(isUsurped ? claims : []);
});
