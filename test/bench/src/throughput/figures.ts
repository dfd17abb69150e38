// SPDX-License-Identifier: Apache-2.0
/** From runs to figures. Pure. */
import { median } from '../benchmark.ts';
import { LOAD_MODES, type LoadMode, type WrkResult } from './wrk.ts';

/** What is compared, in the order of the output and of each round. */
export const CASE_NAMES = [
  'direct',
  'plainForwarding',
  'handwrittenNftables',
  'nat',
  'dsr',
  'haproxy',
  'nginxStream',
  'userspace',
] as const;

/** One of {@link CASE_NAMES}. */
export type CaseName = (typeof CASE_NAMES)[number];

/** One run of one case. */
export interface ThroughputRun extends WrkResult {
  readonly name: CaseName;
  readonly mode: LoadMode;
  readonly round: number;
  /** Work of all processors of the machine meanwhile. */
  readonly cpuSeconds: number;
}

/** Figures of one case: medians over the rounds. */
export interface CaseFigures {
  /** Requests per second. */
  readonly keepAlive: number;
  readonly perConnection: number;
  /** Of kept connections. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perConnectionP50Ms: number;
  readonly perConnectionP99Ms: number;
  /**
   * What the balancing node adds to 100,000 requests over kept connections: seconds of work of all processors beyond what they
   * cost without such a node. In namespaces of one machine nobody can say whose the work of the kernel is.
   */
  readonly nodeCpuSeconds: number;
  readonly perConnectionNodeCpuSeconds: number;
  readonly failures: number;
}

/** One case beside another. */
export type Ratio = Readonly<Record<LoadMode, number>>;

/** Name of a ratio -> the case and what it is compared with. */
const RATIOS = {
  natVsHandwritten: ['nat', 'handwrittenNftables'],
  natVsHaproxy: ['nat', 'haproxy'],
  dsrVsHaproxy: ['dsr', 'haproxy'],
  userspaceVsHaproxy: ['userspace', 'haproxy'],
} as const satisfies Record<string, readonly [CaseName, CaseName]>;

/** Everything that is told. */
export interface ThroughputFigures {
  readonly cases: Readonly<Partial<Record<CaseName, CaseFigures>>>;
  readonly ratios: Readonly<Partial<Record<keyof typeof RATIOS, Ratio>>>;
}

/** Summarises all runs. A ratio is the median of those of the rounds: what disturbs a round disturbs both of its sides. */
export function summarize(runs: readonly ThroughputRun[]): ThroughputFigures {
  const named = CASE_NAMES.filter((name) => runs.some((run) => run.name === name));
  const cases = Object.fromEntries(named.map((name) => [name, caseFigures(runs, name)]));
  const ratios = Object.entries(RATIOS).flatMap(([key, [one, other]]) =>
    named.includes(one) && named.includes(other) ? [[key, ratio(runs, one, other)] as const] : [],
  );
  return { cases, ratios: Object.fromEntries(ratios) };
}

function caseFigures(runs: readonly ThroughputRun[], name: CaseName): CaseFigures {
  const middle = (mode: LoadMode, value: (run: ThroughputRun) => number) =>
    median(runs.filter((run) => run.name === name && run.mode === mode).map(value));
  const rate = (mode: LoadMode) => Math.round(middle(mode, (run) => run.requestsPerSecond));
  const time = (mode: LoadMode, value: (run: ThroughputRun) => number) => hundredth(middle(mode, value));
  const extra = (mode: LoadMode) => hundredth(middle(mode, (run) => extraCpuSeconds(run, runs)));
  return {
    keepAlive: rate('keepAlive'),
    perConnection: rate('perConnection'),
    p50Ms: time('keepAlive', (run) => run.p50Ms),
    p99Ms: time('keepAlive', (run) => run.p99Ms),
    perConnectionP50Ms: time('perConnection', (run) => run.p50Ms),
    perConnectionP99Ms: time('perConnection', (run) => run.p99Ms),
    nodeCpuSeconds: extra('keepAlive'),
    perConnectionNodeCpuSeconds: extra('perConnection'),
    failures: runs.reduce((sum, run) => (run.name === name ? sum + run.failures : sum), 0),
  };
}

/** For 100,000 requests, beyond the same round's requests that went without a balancing node. */
function extraCpuSeconds(run: ThroughputRun, runs: readonly ThroughputRun[]): number {
  const direct = sameRound(runs, run, 'direct');
  const cost = (each: ThroughputRun | undefined) =>
    each === undefined ? 0 : (100_000 * each.cpuSeconds) / Math.max(1, each.requests);
  return cost(run) - cost(direct);
}

function ratio(runs: readonly ThroughputRun[], one: CaseName, other: CaseName): Ratio {
  const of = (mode: LoadMode) => {
    const mine = runs.filter((run) => run.name === one && run.mode === mode);
    const each = mine.flatMap((run) => {
      const rival = sameRound(runs, run, other);
      return rival === undefined ? [] : [run.requestsPerSecond / rival.requestsPerSecond];
    });
    return hundredth(median(each));
  };
  return { keepAlive: of('keepAlive'), perConnection: of('perConnection') };
}

function sameRound(
  runs: readonly ThroughputRun[],
  { round, mode }: ThroughputRun,
  name: CaseName,
): ThroughputRun | undefined {
  return runs.find((run) => run.name === name && run.round === round && run.mode === mode);
}

/** Rows for people. */
export function throughputTable({ cases, ratios }: ThroughputFigures): readonly (readonly string[])[] {
  const rows = Object.entries(cases).map(([name, figures]) => [
    name,
    String(figures.keepAlive),
    String(figures.perConnection),
    `${figures.p50Ms} / ${figures.p99Ms}`,
    `${figures.perConnectionP50Ms} / ${figures.perConnectionP99Ms}`,
    `${figures.nodeCpuSeconds} / ${figures.perConnectionNodeCpuSeconds}`,
    String(figures.failures),
  ]);
  const header = [
    '',
    'kept: req/s',
    'new: req/s',
    'kept p50/p99 ms',
    'new p50/p99 ms',
    'node CPU s',
    'failed',
  ];
  const compared = Object.entries(ratios).map(([name, values]) => [
    name,
    ...LOAD_MODES.map((mode) => values[mode].toFixed(2)),
  ]);
  return [header, ...rows, [], ...compared];
}

function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}
