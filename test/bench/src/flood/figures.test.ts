// SPDX-License-Identifier: Apache-2.0
import type { TcpSample } from '@fairlead/test-lab/observer/tcp-events.ts';
import { describe, expect, it } from 'vitest';
import { floodFigures, floodTable, phaseResult } from './figures.ts';
import { parseFloodOptions } from './options.ts';

const took = (ms: number): TcpSample => ({ kind: 'sample', startMs: 100, endMs: 100 + ms, ok: true });
const failed: TcpSample = { kind: 'sample', startMs: 0, endMs: 3, ok: false, error: 'ECONNREFUSED' };

describe('phaseResult', () => {
  it('takes the 99th percentile of all requests', () => {
    const samples = Array.from({ length: 200 }, (_, index) => took(index + 1));
    expect(phaseResult(samples, 1_000, 5)).toEqual({ successRate: 1, p99Ms: 198, offeredPerSecond: 5 });
  });

  it('counts a request that failed as one that took until the client gave up, however fast it failed', () => {
    const samples = [failed, failed, ...Array.from({ length: 98 }, () => took(1))];
    expect(phaseResult(samples, 1_000, 5)).toMatchObject({ successRate: 0.98, p99Ms: 1_000 });
  });

  it('refuses to judge nothing', () => {
    expect(() => phaseResult([], 1_000, 5)).toThrow('no request');
  });
});

it('gives the middle of the rounds for each phase, as JSON and as a table', () => {
  const round = (p99Ms: number) => ({ successRate: 0.5, p99Ms, offeredPerSecond: 20_000.4 });
  const one = { undisturbed: [round(1)], unprotected: [round(9), round(7), round(8)], protected: [round(2)] };
  const rounds = { synFlood: one, httpFlood: one };
  expect(floodFigures(rounds).synFlood.unprotected).toEqual({
    successRate: 0.5,
    p99Ms: 8,
    offeredPerSecond: 20_000,
  });
  expect(floodTable(rounds)).toContainEqual(['httpFlood', 'unprotected', '50.0 %', '8 ms', '20000 /s']);
});

describe('parseFloodOptions', () => {
  it('has the defaults of the published figures', () => {
    expect(parseFloodOptions([])).toEqual({
      rounds: 2,
      seconds: 20,
      synsPerSecond: 22_000,
      connections: 200,
    });
  });

  it.each([[['--rounds', '0']], [['--syns', 'many']], [['--unknown']]])('refuses %j', (args) => {
    expect(() => parseFloodOptions(args)).toThrow();
  });
});
