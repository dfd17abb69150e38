// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Frontend } from '../model/frontend.ts';
import { backendOf, frontendOf } from '../testing/frontends.ts';
import { deletionOf, presentFlows, type StaleFlows, staleFlows } from './conntrack.ts';

describe('staleFlows', () => {
  const frontend = (
    backends: readonly string[],
    protocol: 'tcp' | 'udp' = 'udp',
  ): ReadonlyMap<string, Frontend> => {
    const all = backends.map((address) => backendOf(address, 53));
    const one = frontendOf('172.18.0.200', all, { protocol, port: 53 });
    return new Map([[one.id, one]]);
  };
  const flow = '-D -f ipv4 -p udp --orig-dst 172.18.0.200 --orig-port-dst 53';
  const told = (before: ReadonlyMap<string, Frontend>, after: ReadonlyMap<string, Frontend>) =>
    staleFlows(before, after).map((stale) => deletionOf(stale).join(' '));

  it('are those to removed backends', () => {
    expect(told(frontend(['10.0.0.1', '10.0.0.2']), frontend(['10.0.0.2', '10.0.0.3']))).toEqual([
      `${flow} --reply-src 10.0.0.1`,
    ]);
    expect(told(frontend(['10.0.0.1']), new Map())).toEqual([`${flow} --reply-src 10.0.0.1`]);
  });
  it('are all, when there was no backend before', () => {
    expect(told(frontend([]), frontend(['10.0.0.1']))).toEqual([flow]);
    expect(told(new Map(), frontend(['10.0.0.1']))).toEqual([flow]);
  });
  it('are none for TCP, or without a change', () => {
    expect(told(frontend(['10.0.0.1'], 'tcp'), new Map())).toEqual([]);
    expect(told(frontend(['10.0.0.1']), frontend(['10.0.0.1']))).toEqual([]);
  });
});

describe('presentFlows', () => {
  const stale = (address: string, backend?: string): StaleFlows => {
    return { family: address.includes(':') ? 6 : 4, address, port: 53, backend };
  };
  const listing = [
    'udp      17 28 src=192.0.2.1 dst=172.18.0.200 sport=4000 dport=53 src=10.0.0.1 dst=192.0.2.1 sport=5353 dport=4000 [ASSURED] mark=0 use=1',
    'udp      17 28 src=2001:db8::1 dst=fd00::c8 sport=4000 dport=53 [UNREPLIED] src=fd00:1::2 dst=2001:db8::1 sport=53 dport=4000 mark=0 use=1',
    'conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.',
  ].join('\n');

  it('are those that a list of flows has, by front end or by back end', () => {
    const there = [stale('172.18.0.200'), stale('172.18.0.200', '10.0.0.1'), stale('fd00::c8', 'fd00:1::2')];
    const absent = [
      stale('172.18.0.201'),
      stale('172.18.0.200', '10.0.0.2'),
      { ...stale('fd00::c8'), port: 54 },
    ];
    expect(presentFlows([...there, ...absent], listing)).toEqual(there);
    expect(presentFlows(there, '')).toEqual([]);
  });
});
