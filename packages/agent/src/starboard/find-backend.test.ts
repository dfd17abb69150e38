// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { IptablesBackend } from '../system/iptables.ts';
import { findBackend } from './find-backend.ts';

const HINT = '*mangle\n:PREROUTING ACCEPT [0:0]\n:KUBE-IPTABLES-HINT - [0:0]\nCOMMIT\n';
const CANARY = HINT.replace('KUBE-IPTABLES-HINT', 'KUBE-KUBELET-CANARY');
const rules = (count: number) =>
  `*filter\n:INPUT ACCEPT [0:0]\n${'-A INPUT -j ACCEPT\n'.repeat(count)}COMMIT\n`;

describe('the back end that others use', () => {
  it.each<[string, Partial<Record<IptablesBackend, string>>, IptablesBackend]>([
    ['hint in nft', { nft: HINT, legacy: rules(100) }, 'nft'],
    ['hint in legacy', { nft: rules(100), legacy: HINT }, 'legacy'],
    ['the canary of an old kubelet', { nft: rules(100), legacy: CANARY }, 'legacy'],
    ['hints in both', { nft: HINT, legacy: HINT }, 'nft'],
    ['more rules in legacy', { nft: rules(3), legacy: rules(4) }, 'legacy'],
    ['as many', { nft: rules(3), legacy: rules(3) }, 'nft'],
    ['nothing', {}, 'nft'],
    [
      'a rule that only names the hint',
      { legacy: '*mangle\n-A X -j KUBE-IPTABLES-HINT\nCOMMIT\n', nft: rules(2) },
      'nft',
    ],
  ])('%s', async (_, saved, expected) => {
    expect(await findBackend((backend) => Promise.resolve(saved[backend] ?? ''))).toBe(expected);
  });
});
