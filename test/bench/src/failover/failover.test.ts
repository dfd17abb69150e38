// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { failoverTable, type KindFigures, summarizeRounds } from './figures.ts';
import type { RoundGaps } from './gaps.ts';
import { forwardingRules, keepalivedConfig } from './keepalived.ts';
import { KINDS, parseFailoverOptions } from './options.ts';
import { ownedByOther } from './session.ts';
import { groupIn } from './settle.ts';
import { type AgentStatus, phasesOf } from './view.ts';

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
  const status: AgentStatus = {
    node: 'worker1',
    well: true,
    checks: [],
    engine: { name: 'raft', ok: true, detail: '' },
    coordinator: { node: 'worker2' },
    members: ['worker1', 'worker2'].map((node) => ({ node, role: 'voter', state: 'up' })),
    group: { size: 3, voters: ['worker1', 'worker2'] },
    addresses: [
      { address: '192.0.2.1', owner: 'worker1' },
      { address: '192.0.2.2', owner: null },
    ],
    failovers: [],
  };

  it('shows who owns what and who coordinates', () => {
    const { owners, coordinator } = groupIn(status, ['worker1', 'worker2']);
    expect([...owners]).toEqual([['192.0.2.1', 'worker1']]);
    expect(coordinator).toBe('worker2');
  });

  it.each<[string, Partial<AgentStatus>]>([
    [
      'is not well: still starting; watches none',
      {
        well: false,
        engine: { name: 'raft', ok: false, detail: 'still starting' },
        checks: [{ name: 'watches', ok: false, detail: 'none' }],
      },
    ],
    ['knows no coordinator', { coordinator: null }],
    ['calls worker2 lost', { members: [{ node: 'worker2', role: 'voter', state: 'lost' }] }],
    ['knows 1 voters of 2', { members: status.members.slice(1) }],
  ])('is not settled when an agent %s', (message, change) => {
    expect(() => groupIn({ ...status, ...change }, ['worker1', 'worker2'])).toThrow(message);
  });

  it('says what a failover was made of: the new owner first, then the coordinator', () => {
    const base = { reason: 'lost', grantedMs: null, placedMs: null, announcedMs: null, detectedMs: null };
    const coordinator = { ...base, part: 'coordinator', detectedMs: 252.4, addresses: ['a'] } as const;
    const owner = { ...base, part: 'owner', placedMs: 4.4, announcedMs: 0.6, addresses: ['a'] } as const;
    const at = (ms: number) => new Date(ms).toISOString();
    const reports = [
      { ...status, failovers: [{ ...coordinator, at: at(5_000) }] },
      {
        ...status,
        failovers: [
          { ...owner, at: at(5_001) },
          { ...owner, at: at(1_000), placedMs: 99 },
        ],
      },
    ];
    expect(phasesOf(reports, 'a', 4_000)).toBe('detected 252 + placed 4 + announced 1');
    expect(phasesOf(reports, 'a', 6_000)).toBeUndefined();
    expect(phasesOf(reports, 'b', 0)).toBeUndefined();
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
