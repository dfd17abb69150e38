// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { failoverTable, type KindFigures, summarizeRounds } from './figures.ts';
import type { RoundGaps } from './gaps.ts';
import { forwardingRules, keepalivedConfig } from './keepalived.ts';
import { KINDS, parseFailoverOptions } from './options.ts';
import { ownedByOther } from './session.ts';
import { groupIn } from './settle.ts';
import { parseMetrics } from './view.ts';

const round = (outageMs: number, failed = 0): RoundGaps => ({
  arpMs: outageMs,
  warmMs: 0,
  coldMs: 0,
  outageMs,
  sent: 100,
  failed,
  claimedMs: undefined,
  twoOwnersMs: 0,
  stallMs: 5,
});

describe('options of bench failover', () => {
  it('has twenty rounds of everything by default', () => {
    const { rounds, only, engine } = parseFailoverOptions([]);
    expect({ rounds, engine, only: [...only] }).toEqual({ rounds: 20, engine: 'raft', only: [...KINDS] });
  });

  it('takes some kinds, and leaves out the coordinator where there is none', () => {
    const { rounds, only } = parseFailoverOptions(['--rounds', '3', '--only', 'kill,unplug']);
    expect({ rounds, only: [...only] }).toEqual({ rounds: 3, only: ['kill', 'unplug'] });
    expect(parseFailoverOptions(['--engine', 'lease']).only).not.toContain('coordinator');
  });

  it.each([
    [['--only', 'kill,nuke'], '--only names "nuke"'],
    [['--engine', 'lease', '--only', 'coordinator'], '--only names "coordinator"'],
    [['--engine', 'etcd'], '--engine is "etcd"'],
    [['--rounds', '0'], '--rounds is "0"'],
    [['--fast'], '--fast'],
  ])('refuses %j', (args, message) => {
    expect(() => parseFailoverOptions(args)).toThrow(message);
  });
});

describe('figures', () => {
  it('has median and worst of all rounds', () => {
    expect(summarizeRounds([round(250.4, 2), round(301.6), round(270)])).toEqual({
      medianMs: 270,
      worstMs: 302,
      rounds: 3,
      twoOwnersMs: 0,
      failedRequestsMedian: 0,
      probeStallMs: 5,
    });
  });

  it('shows both ratios, and what is out of bounds', () => {
    const figures = (medianMs: number, worstMs: number): KindFigures => ({
      ...summarizeRounds([round(medianMs)]),
      worstMs,
    });
    const [, kill, drain, keepalived, , thousand] = failoverTable(
      {
        kill: figures(250, 600),
        drain: figures(20, 40),
        keepalivedDefault: figures(3_000, 3_500),
        keepalived100ms: figures(300, 350),
      },
      1_500,
    );
    expect(kill).toEqual(['kill', '250', '600', '350 / 500  MISSED', '0', '5', '12.0 x', '1.2 x']);
    expect(drain?.slice(3)).toEqual(['50', '0', '5', '150.0 x', '15.0 x']);
    expect(keepalived?.slice(6)).toEqual(['', '']);
    expect(thousand?.slice(0, 4)).toEqual(['thousand', '', '1500', '2000']);
  });
});

describe('what the agents say', () => {
  it('is read from their metrics', () => {
    const samples = parseMetrics(
      [
        '# HELP fairlead_address_owner 1 for the node that owns the address',
        'fairlead_address_owner{address="192.0.2.1",owner="worker1"} 1',
        'fairlead_address_owner{address="192.0.2.2",owner="worker2"} 1',
        'fairlead_lost_nodes 0',
        'odd{text="a \\"b\\" {c}"} 2.5e3',
        '',
      ].join('\n'),
    );
    expect(samples.at(-1)).toEqual({ name: 'odd', labels: { text: 'a \\"b\\" {c}' }, value: 2_500 });
    const { owners, problem } = groupIn(samples);
    expect([...owners]).toEqual([
      ['192.0.2.1', 'worker1'],
      ['192.0.2.2', 'worker2'],
    ]);
    expect(problem).toBeUndefined();
    expect(groupIn(parseMetrics('fairlead_lost_nodes 1')).problem).toBe('1 nodes count as lost');
  });

  it('decides whom to lose: an owner that does not coordinate, where there is one, by turns', () => {
    const owners = new Map([
      ['a', 'worker1'],
      ['b', 'worker2'],
      ['c', 'worker3'],
    ]);
    const group = { owners, coordinator: 'worker2' };
    const chosen = [0, 1, 2].map((index) => ownedByOther(group, ['a', 'b', 'c'], index).victim);
    expect(chosen).toEqual(['worker1', 'worker3', 'worker1']);
    expect(ownedByOther({ ...group, coordinator: 'worker1' }, ['a'], 5)).toEqual({
      address: 'a',
      victim: 'worker1',
    });
  });
});

describe('keepalived', () => {
  it('is told as little as possible at its defaults', () => {
    const config = keepalivedConfig(150, { advertInterval: undefined });
    expect(config).toContain('priority 150');
    expect(config).not.toMatch(/advert_int|vrrp_version/);
  });

  it('needs version 3 for adverts every 100 ms', () => {
    const config = keepalivedConfig(100, { advertInterval: 0.1 });
    expect(config).toContain('vrrp_version 3');
    expect(config).toContain('advert_int 0.1');
  });

  it('sends connections on to a back end, in a table of its own', () => {
    expect(forwardingRules('10.244.0.7')).toContain('dnat to 10.244.0.7:80');
  });
});
