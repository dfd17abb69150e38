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
  /** Work of all processes of the lab meanwhile. */
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
   * What the balancing node adds to 100,000 requests over kept connections: seconds of work of the whole lab beyond what they
   * cost without such a node. In namespaces of one machine nobody can say whose the work of the kernel is.
   */
  readonly nodeCpuSeconds: number;
  readonly perConnectionNodeCpuSeconds: number;
  /** Work of the whole lab, client and pods included, for one request; it says more than rates where others use the machine. */
  readonly workMicroseconds: number;
  readonly perConnectionWorkMicroseconds: number;
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
  /** The same by work instead of rates: the rival's for one request, to ours. */
  readonly workRatios: Readonly<Partial<Record<keyof typeof RATIOS, Ratio>>>;
}

/** Summarises all runs. A ratio is the median of those of the rounds: what disturbs a round disturbs both of its sides. */
export function summarize(runs: readonly ThroughputRun[]): ThroughputFigures {
  const named = CASE_NAMES.filter((name) => runs.some((run) => run.name === name));
  const cases = Object.fromEntries(named.map((name) => [name, caseFigures(runs, name)]));
  const ratiosBy = (value: (run: ThroughputRun) => number) =>
    Object.fromEntries(
      Object.entries(RATIOS).flatMap(([key, [one, other]]) =>
        named.includes(one) && named.includes(other)
          ? [[key, ratio(runs, [one, other], value)] as const]
          : [],
      ),
    );
  return {
    cases,
    ratios: ratiosBy((run) => run.requestsPerSecond),
    workRatios: ratiosBy((run) => 1 / workSeconds(run)),
  };
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
    workMicroseconds: hundredth(middle('keepAlive', workSeconds) * 1e6),
    perConnectionWorkMicroseconds: hundredth(middle('perConnection', workSeconds) * 1e6),
    failures: runs.reduce((sum, run) => (run.name === name ? sum + run.failures : sum), 0),
  };
}

/** For 100,000 requests, beyond the same round's requests that went without a balancing node. */
function extraCpuSeconds(run: ThroughputRun, runs: readonly ThroughputRun[]): number {
  const direct = sameRound(runs, run, 'direct');
  return 100_000 * (workSeconds(run) - (direct === undefined ? 0 : workSeconds(direct)));
}

/** For one request. */
function workSeconds({ cpuSeconds, requests }: ThroughputRun): number {
  return cpuSeconds / Math.max(1, requests);
}

function ratio(
  runs: readonly ThroughputRun[],
  [one, other]: readonly [CaseName, CaseName],
  value: (run: ThroughputRun) => number,
): Ratio {
  const of = (mode: LoadMode) => {
    const mine = runs.filter((run) => run.name === one && run.mode === mode);
    const each = mine.flatMap((run) => {
      const rival = sameRound(runs, run, other);
      return rival === undefined ? [] : [value(run) / value(rival)];
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
export function throughputTable({
  cases,
  ratios,
  workRatios,
}: ThroughputFigures): readonly (readonly string[])[] {
  const rows = Object.entries(cases).map(([name, figures]) => [
    name,
    String(figures.keepAlive),
    String(figures.perConnection),
    `${figures.p50Ms} / ${figures.p99Ms}`,
    `${figures.perConnectionP50Ms} / ${figures.perConnectionP99Ms}`,
    `${figures.nodeCpuSeconds} / ${figures.perConnectionNodeCpuSeconds}`,
    `${figures.workMicroseconds} / ${figures.perConnectionWorkMicroseconds}`,
    String(figures.failures),
  ]);
  const header = [
    '',
    'kept: req/s',
    'new: req/s',
    'kept p50/p99 ms',
    'new p50/p99 ms',
    'node CPU s',
    'work us/req',
    'failed',
  ];
  const compared = (all: ThroughputFigures['ratios'], by: string) =>
    Object.entries(all).map(([name, values]) => [
      `${name} ${by}`,
      ...LOAD_MODES.map((mode) => values[mode].toFixed(2)),
    ]);
  return [header, ...rows, [], ...compared(ratios, '(rate)'), ...compared(workRatios, '(work)')];
}

function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}
