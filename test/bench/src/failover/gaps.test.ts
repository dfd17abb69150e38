// SPDX-License-Identifier: Apache-2.0
import type { NeighborEvent } from '@fairlead/test-lab/observer/neighbor-events.ts';
import type { TcpSample } from '@fairlead/test-lab/observer/tcp-events.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestGap, measureRound, type RoundRecord } from './gaps.ts';

const ADDRESS = '192.0.2.1';
const OLD = '02:00:00:00:00:01';
const NEW = '02:00:00:00:00:02';

const every = (stepMs: number, fromMs: number, toMs: number): readonly number[] =>
  Array.from(
    { length: Math.max(0, Math.ceil((toMs - fromMs) / stepMs)) },
    (_, index) => fromMs + index * stepMs,
  );

const good = (startMs: number): TcpSample => ({
  kind: 'sample',
  startMs,
  endMs: startMs + 2,
  ok: true,
  pod: 'a',
});
const lost = (startMs: number): TcpSample => ({
  kind: 'sample',
  startMs,
  endMs: startMs + 1_000,
  ok: false,
  error: 'timeout',
});

/** An owner until `lostMs`, another from `takenMs` on; connections of the warm client work again 20 ms later. */
function roundOf(lostMs: number, takenMs: number, endMs: number): RoundRecord {
  const neighbor = every(5, 0, endMs).flatMap((probeMs): NeighborEvent[] => {
    const probe: NeighborEvent = { kind: 'probe', atMs: probeMs };
    if (probeMs > lostMs && probeMs < takenMs) return [probe];
    const mac = probeMs <= lostMs ? OLD : NEW;
    return [probe, { kind: 'answer', atMs: probeMs + 1, address: ADDRESS, mac, probeMs }];
  });
  const connections = (fromMs: number) =>
    every(20, 0, endMs).map((startMs) =>
      startMs > lostMs && startMs < fromMs ? lost(startMs) : good(startMs),
    );
  return {
    address: ADDRESS,
    neighbor: [{ kind: 'watching', atMs: 0, addresses: [ADDRESS] }, ...neighbor],
    warm: connections(takenMs + 20),
    cold: connections(takenMs),
  };
}

describe('measureRound', () => {
  it('takes the longest gap of ARP and both kinds of connections', () => {
    const gaps = measureRound(roundOf(1_000, 1_280, 2_000), { fromMs: 800, toMs: 2_000 }, 1_001);
    expect(gaps).toMatchObject({ arpMs: 280, warmMs: 300, coldMs: 280, outageMs: 300, twoOwnersMs: 0 });
    expect(gaps.claimedMs).toBe(1_281 - 1_001);
    expect(gaps.stallMs).toBe(20);
  });

  it('counts requests that began after the disturbance, failed ones apart', () => {
    const gaps = measureRound(roundOf(1_000, 1_280, 2_000), { fromMs: 800, toMs: 2_000 }, 1_001);
    // 1,020 to 1,980, in two clients; lost are 1,020 to 1,280 and to 1,260.
    expect(gaps.sent).toBe(2 * 49);
    expect(gaps.failed).toBe(14 + 13);
  });

  it('finds nothing when nothing happened', () => {
    const gaps = measureRound(roundOf(1_000, 1_000, 2_000), { fromMs: 0, toMs: 2_000 }, 500);
    expect(gaps).toMatchObject({ outageMs: 20, failed: 0 });
  });

  it('knows whose fault a gap may be: a probe that did not ask', () => {
    const record = roundOf(1_000, 1_000, 2_000);
    const isAsleep = (atMs: number) => atMs > 1_200 && atMs < 1_300;
    const neighbor = record.neighbor.filter(({ atMs }) => !isAsleep(atMs));
    const gaps = measureRound({ ...record, neighbor }, { fromMs: 0, toMs: 2_000 }, 500);
    expect(gaps.stallMs).toBe(100);
    expect(gaps.arpMs).toBe(105);
  });

  it('sees two hosts that answer in turns', () => {
    const record = roundOf(1_000, 1_000, 2_000);
    const foreign = every(50, 1_200, 1_500).map(
      (atMs): NeighborEvent => ({
        kind: 'answer',
        atMs: atMs + 1.5,
        address: ADDRESS,
        mac: OLD,
        probeMs: atMs,
      }),
    );
    const neighbor = [...record.neighbor, ...foreign].sort((a, b) => a.atMs - b.atMs);
    const gaps = measureRound({ ...record, neighbor }, { fromMs: 0, toMs: 2_000 }, 900);
    expect(gaps.twoOwnersMs).toBeGreaterThan(200);
  });

  it('refuses to measure a round that ended before the address served again', () => {
    const record = roundOf(1_000, 5_000, 2_000);
    expect(() => measureRound(record, { fromMs: 800, toMs: 2_000 }, 1_001)).toThrow(
      'ARP: nothing good after the disturbance',
    );
  });
});

describe('longestGap', () => {
  it('is one of the differences between neighbours, and none is longer, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 2 }), (times) => {
        const gap = longestGap(times);
        const sorted = [...times].sort((a, b) => a - b);
        const differences = sorted.slice(1).map((time, index) => time - (sorted[index] ?? 0));
        expect(gap?.gapMs).toBe(Math.max(...differences));
        expect((gap?.toMs ?? 0) - (gap?.fromMs ?? 0)).toBe(gap?.gapMs);
      }),
    );
  });

  it('needs two times', () => {
    expect(longestGap([])).toBeUndefined();
    expect(longestGap([1])).toBeUndefined();
  });
});
