// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { describe, expect, it } from 'vitest';
import type { Frontend } from '../model/frontend.ts';
import { backendOf, frontendOf } from '../testing/frontends.ts';
import { Conntrack, deletionOf, presentFlows, type StaleFlows, staleFlows } from './conntrack.ts';

function frontend(
  backends: readonly string[],
  protocol: 'tcp' | 'udp' | 'sctp' = 'udp',
): ReadonlyMap<string, Frontend> {
  const all = backends.map((address) => backendOf(address, 53));
  const one = frontendOf('172.18.0.200', all, { protocol, port: 53 });
  return new Map([[one.id, one]]);
}

describe('staleFlows', () => {
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
  it('are for TCP those that a removed backend has not answered', () => {
    expect(told(frontend(['10.0.0.1', '10.0.0.2'], 'tcp'), frontend(['10.0.0.2'], 'tcp'))).toEqual([
      '-D -f ipv4 -p tcp --state SYN_SENT --orig-dst 172.18.0.200 --orig-port-dst 53 --reply-src 10.0.0.1',
    ]);
    expect(told(new Map(), frontend(['10.0.0.1'], 'tcp'))).toEqual([]);
  });
  it('are none for SCTP, or without a change', () => {
    expect(told(frontend(['10.0.0.1'], 'sctp'), new Map())).toEqual([]);
    expect(told(frontend(['10.0.0.1']), frontend(['10.0.0.1']))).toEqual([]);
  });
});

describe('presentFlows', () => {
  const stale = (address: string, backend?: string): StaleFlows => {
    return { protocol: 'udp', family: address.includes(':') ? 6 : 4, address, port: 53, backend };
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

describe('Conntrack', () => {
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const start = (answer: (args: readonly string[]) => Promise<string> = () => Promise.resolve('')) => {
    const clock = new ManualClock();
    const runs: string[] = [];
    const run = (args: readonly string[]) => {
      runs.push(args.join(' '));
      return answer(args);
    };
    return { clock, runs, conntrack: new Conntrack({ logger: silentLogger, clock, run }) };
  };
  const endpoints = Array.from({ length: 10 }, (_, index) => `10.0.0.${index}`);

  it('forgets connections that are being made at once, and what comes soon after together', async () => {
    const { clock, runs, conntrack } = start(() =>
      Promise.resolve(
        'tcp 6 119 SYN_SENT src=192.0.2.1 dst=172.18.0.200 sport=1 dport=53 [UNREPLIED] src=10.0.0.7',
      ),
    );
    conntrack.forget(frontend(endpoints, 'tcp'), frontend(endpoints.slice(1), 'tcp'));
    await settled();
    const deletion =
      '-D -f ipv4 -p tcp --state SYN_SENT --orig-dst 172.18.0.200 --orig-port-dst 53 --reply-src';
    expect(runs).toEqual([`${deletion} 10.0.0.0`]);
    for (let left = 1; left < 8; left++)
      conntrack.forget(frontend(endpoints.slice(left), 'tcp'), frontend(endpoints.slice(left + 1), 'tcp'));
    await settled();
    expect(runs).toHaveLength(1);
    clock.advance(500);
    await settled();
    expect(runs.slice(1)).toEqual(['-L -f ipv4 -p tcp --state SYN_SENT', `${deletion} 10.0.0.7`]);
  });

  it('lets no flow of UDP wait for that', async () => {
    const { runs, conntrack } = start();
    for (const left of [1, 2, 3]) {
      conntrack.forget(frontend(endpoints.slice(0, left)), new Map());
      await settled();
    }
    expect(runs).toHaveLength(1 + 2 + 3);
  });

  it('says once that it cannot, and does no more', async () => {
    const { clock, runs, conntrack } = start(() => Promise.reject(new Error('ENOENT')));
    conntrack.forget(frontend(endpoints.slice(0, 2), 'tcp'), new Map());
    await settled();
    clock.advance(1_000);
    conntrack.forget(frontend(endpoints.slice(0, 2)), new Map());
    await settled();
    expect(runs).toHaveLength(1);
  });
});
