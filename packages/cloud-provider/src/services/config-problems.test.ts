// SPDX-License-Identifier: Apache-2.0
import type { ConfigMap } from '@fairlead/shared/kubernetes/objects.ts';
import { expect, it } from 'vitest';
import { parsePools } from '../pools/parse.ts';
import { ConfigProblems } from './config-problems.ts';

const CONFIG_MAP: ConfigMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'kube-system', name: 'kubevip' },
};

/** What is told about these states of the ConfigMap, one after the other. */
function follower() {
  const told: string[] = [];
  const problems = new ConfigProblems({
    event: ({ metadata }, type, reason, message) =>
      told.push(`${metadata?.name} ${type} ${reason}: ${message}`),
    flush: () => Promise.resolve(),
  });
  const follow = (data: Record<string, string>) => {
    problems.follow(CONFIG_MAP, parsePools(data));
    return told.splice(0);
  };
  const lead = () => {
    const term = new AbortController();
    problems.lead(term.signal);
    return { told: told.splice(0), end: () => term.abort() };
  };
  return { follow, lead };
}

it('names the nearest known key, once as long as the problem lasts', () => {
  const { follow, lead } = follower();
  lead();
  const typo = { 'cidr-global': '10.0.0.0/24', 'serch-order': 'desc' };
  expect(follow(typo)).toEqual([
    expect.stringMatching(/^kubevip Warning UnknownKey: serch-order=desc: .*search-order/),
  ]);
  expect(follow({ ...typo, 'cidr-shop': '10.1.0.0/24' })).toEqual([]);
  expect(follow({ 'cidr-global': '10.0.0.0/24' })).toEqual([]);
  expect(follow(typo)).toHaveLength(1);
});

it('tells errors and warnings, not notices', () => {
  const { follow, lead } = follower();
  lead();
  expect(follow({ 'range-global': 'banana', 'cidr-shop': '10.0.0.9/24' })).toEqual([
    expect.stringMatching(/^kubevip Warning InvalidKey: range-global=banana: /),
  ]);
});

it('is silent on a standby, and tells when it leads', () => {
  const { follow, lead } = follower();
  expect(follow({ 'range-global': 'banana' })).toEqual([]);
  const first = lead();
  expect(first.told).toHaveLength(1);
  first.end();
  expect(follow({ 'range-global': 'apple' })).toEqual([]);
  expect(lead().told).toEqual([expect.stringContaining('apple')]);
});

it('does not flood', () => {
  const { follow, lead } = follower();
  lead();
  const keys = Array.from({ length: 50 }, (_, i) => [`range-ns${i}`, 'banana']);
  const told = follow(Object.fromEntries(keys));
  expect(told).toHaveLength(21);
  expect(told.at(-1)).toContain('and 30 more problems');
});
