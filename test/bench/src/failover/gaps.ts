// SPDX-License-Identifier: Apache-2.0
/** What the client's wire says about one round. Pure. */
import type { NeighborClaim, NeighborEvent } from '@fairlead/test-lab/observer/neighbor-events.ts';
import { judgeOwnership, type Span } from '@fairlead/test-lab/observer/ownership-judge.ts';
import type { TcpSample } from '@fairlead/test-lab/observer/tcp-events.ts';

/** Everything the probes of one round wrote down. */
export interface RoundRecord {
  readonly address: string;
  readonly neighbor: readonly NeighborEvent[];
  /** Connections of a client that knows whose MAC the address has. */
  readonly warm: readonly TcpSample[];
  /** Connections of a client that asks anew before each. */
  readonly cold: readonly TcpSample[];
}

/** One round in milliseconds. */
export interface RoundGaps {
  /** Longest time between two successive answers to ARP (or NDP). */
  readonly arpMs: number;
  /** Longest time between two successive whole answers over new connections. */
  readonly warmMs: number;
  readonly coldMs: number;
  /** The greatest of these three. */
  readonly outageMs: number;
  /** Connections begun after the disturbance, and those of them that failed. */
  readonly sent: number;
  readonly failed: number;
  /** From the disturbance to the first frame in which another host claims the address; undefined: none did. */
  readonly claimedMs: number | undefined;
  readonly twoOwnersMs: number;
  /** Longest time in which a probe did not ask at all: no gap is known better than this. */
  readonly stallMs: number;
}

/** Longest time between neighbours in a list of times, and when; undefined with fewer than two times. */
export function longestGap(times: readonly number[]): (Span & { readonly gapMs: number }) | undefined {
  const sorted = [...times].sort((a, b) => a - b);
  let worst: (Span & { readonly gapMs: number }) | undefined;
  for (const [index, toMs] of sorted.entries()) {
    const fromMs = sorted[index - 1];
    if (fromMs === undefined) continue;
    if (worst === undefined || toMs - fromMs > worst.gapMs) worst = { fromMs, toMs, gapMs: toMs - fromMs };
  }
  return worst;
}

/**
 * Measures a round between `window.fromMs` and `window.toMs`; the disturbance began at `disturbedMs`. Throws when a probe
 * has nothing good after the disturbance: the round was ended too early to know its gap.
 */
export function measureRound(record: RoundRecord, window: Span, disturbedMs: number): RoundGaps {
  const within = (atMs: number) => atMs >= window.fromMs && atMs <= window.toMs;
  const answers = record.neighbor.filter(
    (event): event is NeighborClaim => event.kind === 'answer' && event.address === record.address,
  );
  const gapOf = (what: string, times: readonly number[]): number => {
    const seen = times.filter(within);
    if (!seen.some((atMs) => atMs > disturbedMs))
      throw new Error(`${what}: nothing good after the disturbance`);
    const gap = longestGap(seen);
    if (gap === undefined) throw new Error(`${what}: fewer than two good answers in the whole round`);
    return gap.gapMs;
  };
  const ends = (samples: readonly TcpSample[]) => samples.filter(({ ok }) => ok).map(({ endMs }) => endMs);
  const arpMs = gapOf(
    'ARP',
    answers.map(({ atMs }) => atMs),
  );
  const warmMs = gapOf('TCP, warm neighbour entry', ends(record.warm));
  const coldMs = gapOf('TCP, cold neighbour entry', ends(record.cold));
  const begun = [...record.warm, ...record.cold].filter(
    ({ startMs }) => startMs >= disturbedMs && startMs <= window.toMs,
  );
  const schedules = [
    record.neighbor.flatMap((event) => (event.kind === 'probe' ? [event.atMs] : [])),
    ...[record.warm, record.cold].map((samples) => samples.map(({ startMs }) => startMs)),
  ];
  return {
    arpMs,
    warmMs,
    coldMs,
    outageMs: Math.max(arpMs, warmMs, coldMs),
    sent: begun.length,
    failed: begun.filter(({ ok }) => !ok).length,
    claimedMs: claimedAfter(record, answers, disturbedMs),
    twoOwnersMs: judgeOwnership(record.neighbor, {
      address: record.address,
      sinceMs: window.fromMs,
      untilMs: window.toMs,
    }).longestTwoOwnersMs,
    stallMs: Math.max(...schedules.map((times) => longestGap(times.filter(within))?.gapMs ?? 0)),
  };
}

/** The first frame of a host that is not the one that answered last before. */
function claimedAfter(
  { address, neighbor }: RoundRecord,
  answers: readonly NeighborClaim[],
  disturbedMs: number,
): number | undefined {
  const before = answers.findLast(({ atMs }) => atMs <= disturbedMs)?.mac;
  const claim = neighbor.find(
    (event) =>
      'mac' in event && event.address === address && event.atMs > disturbedMs && event.mac !== before,
  );
  return claim === undefined ? undefined : claim.atMs - disturbedMs;
}
