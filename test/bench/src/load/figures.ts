// SPDX-License-Identifier: Apache-2.0
import { median } from '../benchmark.ts';
import type { AbResult } from './ab.ts';

/** What happens half-way through a run. */
export const RUNS = ['undisturbed', 'deleted', 'killed', 'killedUnchecked'] as const;
/**
 * One of {@link RUNS}: nothing; a pod is deleted and may end what it has; all processes of a pod are killed, and its Service has a
 * health check, or has none.
 */
export type RunName = (typeof RUNS)[number];

/** In which way a pod dies: it refuses, hears nothing, or accepts and never answers. Kubernetes goes on calling it ready. */
export const DEATHS = ['refusing', 'mute', 'hanging'] as const;
/** One of {@link DEATHS}. */
export type Death = (typeof DEATHS)[number];

/** What probes cost the process that sends them. */
export interface ProbeCost {
  readonly perSecond: number;
  /** Of one core, 0 to 1. */
  readonly cores: number;
  readonly microsecondsPerProbe: number;
}

/** Everything that was measured. */
export interface LoadRecord {
  readonly runs: Readonly<Record<RunName, readonly AbResult[]>>;
  /** For each undisturbed run: requests that each pod answered. */
  readonly served: readonly (readonly number[])[];
  /** For each death: milliseconds from it to the begin of the last request that got no answer. */
  readonly deaths: Readonly<Record<Death, readonly number[]>>;
  readonly probes: Readonly<Record<'tcp' | 'http', ProbeCost>>;
  readonly concurrency: number;
}

/** How far the pod that is farthest from an even share is from it, as a part of that share. Pure. */
export function unevenness(served: readonly number[]): number {
  const even = served.reduce((sum, count) => sum + count, 0) / served.length;
  return Math.max(...served.map((count) => Math.abs(count - even))) / even;
}

/**
 * How many requests a killed pod may cost: what was in flight on it, and what would have come to it within a second, had nothing
 * happened. Pure.
 */
export function allowedByKill(requestsPerSecond: number, pods: number, concurrency: number): number {
  return Math.round((requestsPerSecond + concurrency) / pods);
}

/** The figures for machines. Pure. */
export function loadFigures(record: LoadRecord): Readonly<Record<string, unknown>> {
  const { runs, served, deaths, probes, concurrency } = record;
  const pods = served[0]?.length ?? 1;
  const usual = median(runs.undisturbed.map(({ requestsPerSecond }) => requestsPerSecond));
  const worstUnevenness = Math.max(...served.map(unevenness));
  return {
    ...Object.fromEntries(RUNS.map((name) => [name, runFigures(runs[name])])),
    shares: { served, worstUnevenness: thousandth(worstUnevenness) },
    killBound: allowedByKill(usual, pods, concurrency),
    deadPod: Object.fromEntries(
      DEATHS.map((death) => [
        death,
        { worstMs: Math.round(Math.max(...deaths[death])), medianMs: Math.round(median(deaths[death])) },
      ]),
    ),
    probes,
  };
}

function runFigures(results: readonly AbResult[]) {
  return {
    failed: results.map(({ failed }) => failed),
    requestsPerSecond: Math.round(median(results.map((result) => result.requestsPerSecond))),
    p99Ms: median(results.map(({ p99Ms }) => p99Ms)),
    worstMs: Math.max(...results.map(({ worstMs }) => worstMs)),
  };
}

function thousandth(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

/** The same for people, with what is asked for. Pure. */
export function loadTable(record: LoadRecord): readonly (readonly string[])[] {
  const { runs, served, deaths, probes, concurrency } = record;
  const usual = median(runs.undisturbed.map(({ requestsPerSecond }) => requestsPerSecond));
  const bound = allowedByKill(usual, served[0]?.length ?? 1, concurrency);
  const verdict = (value: number, limit: number, text: string) =>
    `${text}${value <= limit ? '' : '  MISSED'}`;
  const limits: Readonly<Record<RunName, number>> = {
    undisturbed: 0,
    deleted: 0,
    killed: bound,
    killedUnchecked: bound,
  };
  const uneven = Math.max(...served.map(unevenness));
  return [
    ['figure', 'values', 'bound'],
    ...RUNS.map((name) => {
      const failed = runs[name].map((result) => result.failed);
      const limit = limits[name];
      const values = `${failed.join(', ')} failed at ${runs[name].map((each) => Math.round(each.requestsPerSecond)).join(', ')} /s`;
      return [name, values, verdict(Math.max(...failed), limit, `<= ${limit}`)];
    }),
    ['shares', `${(uneven * 100).toFixed(1)} % off at worst`, verdict(uneven, 0.1, '<= 10 %')],
    ...DEATHS.map((death) => {
      const worst = Math.max(...deaths[death]);
      const values = deaths[death].map((ms) => Math.round(ms)).join(', ');
      return [
        `dead pod, ${death}`,
        `last lost request after ${values} ms`,
        verdict(worst, 1_000, '<= 1000 ms'),
      ];
    }),
    ...(['tcp', 'http'] as const).map((kind) => {
      const { perSecond, cores, microsecondsPerProbe } = probes[kind];
      const cost = `${microsecondsPerProbe} us each, ${(cores * 100).toFixed(1)} % of a core at ${perSecond} /s`;
      return [`probes by ${kind}`, cost, ''];
    }),
  ];
}
