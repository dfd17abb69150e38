// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import type { AbResult } from './ab.ts';
import { allowedByKill, type LoadRecord, loadFigures, loadTable, unevenness } from './figures.ts';
import { parseLoadOptions } from './options.ts';

const run = (failed: number): AbResult => ({
  requests: 20_000,
  failed,
  requestsPerSecond: 3_000,
  p99Ms: 50,
  worstMs: 90,
});
const cost = { perSecond: 1_000, cores: 0.05, microsecondsPerProbe: 50 };
const RECORD: LoadRecord = {
  runs: {
    undisturbed: [run(0), run(0)],
    deleted: [run(0), run(1)],
    killed: [run(200), run(300)],
    killedUnchecked: [run(900), run(2_000)],
  },
  served: [
    [100, 100, 100],
    [100, 112, 100],
  ],
  deaths: { refusing: [300, 310.4], mute: [600], hanging: [700, 1_200, 500] },
  probes: { tcp: cost, http: cost },
  concurrency: 100,
};

it('tells how uneven shares are', () => {
  expect(unevenness([10, 10, 10])).toBe(0);
  expect(unevenness([12, 9, 9])).toBeCloseTo(0.2);
});

it('allows a killed pod its share of what was in flight and of a second', () => {
  expect(allowedByKill(3_000, 3, 100)).toBe(1_033);
});

it('says what was missed', () => {
  const rows = new Map(loadTable(RECORD).map(([name = '', ...cells]) => [name, cells.join(' ')]));
  const missed = [...rows].filter(([, text]) => text.includes('MISSED')).map(([name]) => name);
  expect(missed).toEqual(['deleted', 'killedUnchecked', 'dead pod, hanging']);
  expect(loadFigures(RECORD)).toMatchObject({
    undisturbed: { failed: [0, 0] },
    killBound: 1_033,
    shares: { worstUnevenness: 0.077 },
    deadPod: { refusing: { worstMs: 310 }, hanging: { worstMs: 1_200, medianMs: 700 } },
  });
});

it("offers the case study's load", () => {
  expect(parseLoadOptions([])).toMatchObject({ requests: 20_000, concurrency: 100, plane: 'nftables' });
  expect(() => parseLoadOptions(['--plane', 'magic'])).toThrow('--plane: "magic" is none of nftables');
  expect(() => parseLoadOptions(['--rounds', '0'])).toThrow('--rounds: expected a whole number above 0');
});
