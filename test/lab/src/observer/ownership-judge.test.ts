// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NeighborEvent } from './neighbor-events.ts';
import { judgeOwnership, type Span } from './ownership-judge.ts';

const ADDRESS = '172.18.0.200';
const INTERVAL_MS = 40;
/** Longer than a question waits for its answer: after that everything before is decided. */
const DECIDED_MS = 600;

/** Who truly holds the address when; the observer of the tests answers from it. */
interface Tenure extends Span {
  readonly mac: string;
}

/** What an observer would write: probes every 40 ms, each holder answers after its own delay. */
function observe(
  tenures: readonly Tenure[],
  untilMs: number,
  delayMs: (mac: string) => number,
): NeighborEvent[] {
  const events: NeighborEvent[] = [{ kind: 'watching', atMs: 0, addresses: [ADDRESS] }];
  for (let atMs = 0; atMs < untilMs; atMs += INTERVAL_MS) {
    events.push({ kind: 'probe', atMs });
    for (const { mac, fromMs, toMs } of tenures) {
      const answerMs = atMs + delayMs(mac);
      if (answerMs >= fromMs && answerMs < toMs) {
        events.push({ kind: 'answer', atMs: answerMs, address: ADDRESS, mac, probeMs: atMs });
      }
    }
  }
  return [
    ...events.toSorted((a, b) => a.atMs - b.atMs),
    { kind: 'summary', atMs: untilMs, probes: 0, claims: 0 },
  ];
}

/** Tenures one after the other with gaps (0 or more) between them, each long enough to be one. */
const succession = fc
  .array(
    fc.record({ holdMs: fc.integer({ min: 400, max: 2_000 }), gapMs: fc.integer({ min: 0, max: 1_500 }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((parts) => {
    let atMs = 0;
    return parts.map(({ holdMs, gapMs }, index): Tenure => {
      const fromMs = atMs;
      atMs += holdMs + gapMs;
      return { mac: `02:00:00:00:00:0${index % 3}`, fromMs, toMs: fromMs + holdMs };
    });
  });

const endOf = (tenures: readonly Tenure[]) => tenures.at(-1)?.toMs ?? 0;

describe('judgeOwnership', () => {
  it('waits for the answers to the last questions before it misses them', () => {
    const holder: Tenure = { mac: '02:00:00:00:00:01', fromMs: 0, toMs: 10_000 };
    const judgedAt = (untilMs: number) =>
      judgeOwnership(
        observe([holder], untilMs, () => 300),
        { address: ADDRESS },
      );
    const soFar = judgeOwnership(
      observe([holder], 2_000, () => 300).filter(({ atMs }) => atMs < 1_000),
      { address: ADDRESS },
    );
    expect(soFar.zeroOwners).toEqual([]);
    expect(judgedAt(12_000).longestZeroOwnersMs).toBeGreaterThan(1_900);
  });

  it('never sees two owners where one follows the other', () => {
    fc.assert(
      fc.property(succession, fc.integer({ min: 0, max: 30 }), (tenures, delay) => {
        const verdict = judgeOwnership(
          observe(tenures, endOf(tenures), () => delay),
          { address: ADDRESS },
        );
        expect(verdict.twoOwners).toEqual([]);
        expect(verdict.longestTwoOwnersMs).toBe(0);
      }),
    );
  });

  it('measures the longest time without an owner from above, within two probes', () => {
    fc.assert(
      fc.property(succession, (tenures) => {
        const verdict = judgeOwnership(
          observe(tenures, endOf(tenures) + DECIDED_MS, () => 1),
          { address: ADDRESS, untilMs: endOf(tenures) },
        );
        const gaps = tenures.slice(1).map((tenure, index) => tenure.fromMs - (tenures[index]?.toMs ?? 0));
        const truth = Math.max(0, ...gaps);
        // A gap shorter than a probe may fall between two probes and stay unseen.
        if (truth > INTERVAL_MS) expect(verdict.longestZeroOwnersMs).toBeGreaterThanOrEqual(truth - 1);
        expect(verdict.longestZeroOwnersMs).toBeLessThanOrEqual(truth + 2 * INTERVAL_MS);
      }),
    );
  });

  it('names the owners in their order', () => {
    fc.assert(
      fc.property(succession, (tenures) => {
        const verdict = judgeOwnership(
          observe(tenures, endOf(tenures), () => 1),
          { address: ADDRESS },
        );
        expect(verdict.changes.map((change) => change.to)).toEqual(tenures.map((tenure) => tenure.mac));
      }),
    );
  });

  it('sees two owners who both answer, for at least as long as they do', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 1_000 }),
        fc.integer({ min: 120, max: 1_000 }),
        fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 16, max: 30 })),
        fc.boolean(),
        (aloneMs, overlapMs, [quick, slow], firstIsQuick) => {
          const tenures = [
            { mac: 'a', fromMs: 0, toMs: aloneMs + overlapMs },
            { mac: 'b', fromMs: aloneMs, toMs: 2 * aloneMs + overlapMs },
          ];
          const delay = (mac: string) => ((mac === 'a') === firstIsQuick ? quick : slow);
          const { longestTwoOwnersMs, violations } = judgeOwnership(
            observe(tenures, 2 * aloneMs + overlapMs, delay),
            { address: ADDRESS },
          );
          expect(longestTwoOwnersMs).toBeGreaterThanOrEqual(overlapMs - 2 * INTERVAL_MS);
          expect(longestTwoOwnersMs).toBeLessThanOrEqual(overlapMs + 2 * INTERVAL_MS);
          expect(violations.some((violation) => violation.owners === 2)).toBe(true);
        },
      ),
    );
  });

  it('holds a single stray frame against the owner who sent it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 300, max: 700 }),
        fc.constantFrom('announcement', 'mention'),
        (atMs, kind) => {
          const steady = observe([{ mac: 'a', fromMs: 0, toMs: 1_000 }], 1_000, () => 1);
          const stray: NeighborEvent = { kind, atMs: atMs + 0.5, address: ADDRESS, mac: 'b' };
          const { twoOwners, changes } = judgeOwnership(
            [...steady.slice(0, -1), stray, ...steady.slice(-1)],
            {
              address: ADDRESS,
            },
          );
          expect(twoOwners).toHaveLength(1);
          expect(changes.map((change) => change.to)).toEqual(['a']);
        },
      ),
    );
  });

  it('forgives a time without owner only within the allowed span', () => {
    const tenures = [
      { mac: 'a', fromMs: 0, toMs: 1_000 },
      { mac: 'b', fromMs: 1_600, toMs: 3_000 },
    ];
    const events = observe(tenures, 3_000, () => 1);
    const judge = (allowed: Span) =>
      judgeOwnership(events, { address: ADDRESS, allowedZero: [allowed] }).violations;
    expect(judge({ fromMs: 900, toMs: 1_700 })).toEqual([]);
    expect(judge({ fromMs: 1_100, toMs: 1_700 })).toEqual([{ fromMs: 960, toMs: 1_600, owners: 0 }]);
  });

  it('counts an address that stays away as without owner to the end', () => {
    const verdict = judgeOwnership(
      observe([{ mac: 'a', fromMs: 0, toMs: 1_000 }], 5_000, () => 1),
      {
        address: ADDRESS,
      },
    );
    expect(verdict.longestZeroOwnersMs).toBeGreaterThanOrEqual(4_000);
  });

  it('judges nothing before the first claim unless asked to', () => {
    const events = observe([{ mac: 'a', fromMs: 1_000, toMs: 2_000 }], 2_000, () => 1);
    expect(judgeOwnership(events, { address: ADDRESS }).longestZeroOwnersMs).toBe(0);
    expect(
      judgeOwnership(events, { address: ADDRESS, sinceMs: 0 }).longestZeroOwnersMs,
    ).toBeGreaterThanOrEqual(1_000);
  });

  it('shows the stall of the observer itself', () => {
    const events = observe([{ mac: 'a', fromMs: 0, toMs: 2_000 }], 2_000, () => 1).filter(
      (event) => event.atMs < 500 || event.atMs > 900,
    );
    const verdict = judgeOwnership(events, { address: ADDRESS });
    expect(verdict.longestProbeGapMs).toBeGreaterThanOrEqual(400);
    expect(verdict.zeroOwners).toEqual([]);
  });

  it('says nothing about an address nobody has claimed', () => {
    const verdict = judgeOwnership(
      observe([], 1_000, () => 1),
      { address: ADDRESS },
    );
    expect(verdict).toMatchObject({ probes: 0, violations: [], changes: [] });
  });
});
