// SPDX-License-Identifier: Apache-2.0
/**
 * The cost of one allocation, and of one held address, in clusters of 1,000 and of 100,000 Services: choosing an address and
 * recording it as the reconciler does, while another Service goes for each that comes. Beside it, in the same run, the
 * method of kube-vip-cloud-provider.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Benchmark, type BenchmarkResult, median } from './benchmark.ts';
import { CASES, type Case } from './ipam/cases.ts';
import { Cluster } from './ipam/cluster.ts';
import { allocateLikePeer } from './ipam/peer.ts';

const SMALL = 1_000;
const LARGE = 100_000;
const ROUNDS = 9;
const STEPS_PER_ROUND = 10_000;
/** A forced garbage collection drops compiled code too. */
const WARM_UP_STEPS = 2_000;
const PEER_STEPS = 5;

interface Timing {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  readonly releaseP99Us: number;
}

interface CaseFigures {
  readonly at1000: Timing;
  readonly at100000: Timing;
  /** p99 with 100,000 held by p99 with 1,000. */
  readonly growth: number;
  /** The greater of: as built, and after many came and went. */
  readonly bytesPerHeld: number;
}

const collectGarbage = exposeGc();

function exposeGc(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** Bytes in use, on the heap and in typed arrays, after everything that can go has gone. */
function bytesInUse(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The times of many steps: one comes, one goes. */
function oneRound(cluster: Cluster): Timing {
  const arrivals = new Float64Array(STEPS_PER_ROUND);
  const releases = new Float64Array(STEPS_PER_ROUND);
  for (let i = 0; i < WARM_UP_STEPS; i++) cluster.step();
  for (let i = 0; i < STEPS_PER_ROUND; i++) {
    const { arrivalMs, releaseMs } = cluster.step();
    arrivals[i] = arrivalMs * 1_000;
    releases[i] = releaseMs * 1_000;
  }
  arrivals.sort();
  releases.sort();
  return {
    p50Us: quantile(arrivals, 0.5),
    p99Us: quantile(arrivals, 0.99),
    maxUs: quantile(arrivals, 1),
    releaseP99Us: quantile(releases, 0.99),
  };
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function measure(chosen: Case): CaseFigures {
  const before = bytesInUse();
  const large = new Cluster(chosen, LARGE);
  const perHeld = () => (bytesInUse() - before - large.ownBytes) / large.holdings.size;
  const asBuilt = perHeld();
  const timings = timeBoth(new Cluster(chosen, SMALL), large);
  const [at1000, at100000] = timings.map(medianTiming) as [Timing, Timing];
  return {
    at1000,
    at100000,
    growth: round2(at100000.p99Us / at1000.p99Us),
    bytesPerHeld: Math.round(Math.max(asBuilt, perHeld())),
  };
}

/** Small and large take turns: a slow phase of the machine then hits both. The first round warms up. */
function timeBoth(small: Cluster, large: Cluster): readonly [Timing[], Timing[]] {
  const timings: [Timing[], Timing[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, cluster] of [small, large].entries()) {
      collectGarbage();
      const timing = oneRound(cluster);
      if (round > 0) timings[i]?.push(timing);
    }
  }
  return timings;
}

function medianTiming(timings: readonly Timing[]): Timing {
  const of = (key: keyof Timing) => round2(median(timings.map((timing) => timing[key])));
  return { p50Us: of('p50Us'), p99Us: of('p99Us'), maxUs: of('maxUs'), releaseP99Us: of('releaseP99Us') };
}

/** Median time of one allocation by the peer's method, in the same cluster. */
function measurePeer(chosen: Case, size: number): number {
  const cluster = new Cluster(chosen, size);
  const held = [...cluster.holdings.held(chosen.family)];
  const times = Array.from({ length: PEER_STEPS }, () => {
    const startedMs = performance.now();
    allocateLikePeer(cluster.pool, chosen.family, held);
    return (performance.now() - startedMs) * 1_000;
  });
  return Math.round(median(times));
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

function run(say: (text: string) => void): BenchmarkResult {
  const figures = new Map<Case, CaseFigures>();
  for (const chosen of CASES) {
    say(`${chosen.name}: ${chosen.about}`);
    figures.set(chosen, measure(chosen));
  }
  say('the method of kube-vip-cloud-provider');
  const promised = CASES.slice(0, 2).flatMap((chosen) => {
    const found = figures.get(chosen);
    return found === undefined ? [] : [{ chosen, ...found, peerUs: measurePeer(chosen, LARGE) }];
  });
  const worst = promised.reduce((a, b) => (b.at100000.p99Us > a.at100000.p99Us ? b : a));
  const rows = [...figures].map(([{ name }, { at1000, at100000, growth, bytesPerHeld }]) => [
    name,
    ...[at1000.p50Us, at1000.p99Us, at100000.p50Us, at100000.p99Us, growth, at100000.releaseP99Us].map(
      String,
    ),
    String(bytesPerHeld),
  ]);
  return {
    figures: {
      allocP99Us: worst.at100000.p99Us,
      allocP99UsAt1000: worst.at1000.p99Us,
      bytesPerHeld: Math.max(...promised.map(({ bytesPerHeld }) => bytesPerHeld)),
      growth: Math.max(...promised.map(({ growth }) => growth)),
      held: LARGE,
      cases: Object.fromEntries([...figures].map(([{ name }, found]) => [name, found])),
      peersMethod: Object.fromEntries(
        promised.map(({ chosen, peerUs, at100000 }) => [
          chosen.name,
          { allocUs: peerUs, timesOurs: Math.round(peerUs / at100000.p50Us) },
        ]),
      ),
    },
    table: [
      [
        'pool',
        '1,000 held: p50, µs',
        'p99',
        '100,000 held: p50',
        'p99',
        'growth',
        'release p99',
        'bytes per held',
      ],
      ...rows,
      ...promised.map(({ chosen, peerUs }) => [`${chosen.name}, peer's method`, '', '', String(peerUs)]),
    ],
  };
}

/** What one allocation and one held address cost. */
export const ipam: Benchmark = {
  name: 'ipam',
  about: 'cost of one allocation and of one held address, with 1,000 and 100,000 held',
  run: (say) => Promise.resolve(run(say)),
};
