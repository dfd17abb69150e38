// SPDX-License-Identifier: Apache-2.0
import type { TcpSample } from '@fairlead/test-lab/observer/tcp-events.ts';
import { median } from '../benchmark.ts';

/** What floods, in the order of the output. */
export const FLOODS = ['synFlood', 'httpFlood'] as const;
/** `undisturbed`: the same flood hits somebody else. */
export const PHASES = ['undisturbed', 'unprotected', 'protected'] as const;

/** One of {@link FLOODS}. */
export type Flood = (typeof FLOODS)[number];
/** One of {@link PHASES}. */
export type Phase = (typeof PHASES)[number];

/** What a well-behaved client saw in one phase of one round. */
export interface PhaseResult {
  /** Share of its requests that succeeded, 0 to 1. */
  readonly successRate: number;
  /** A request that failed counts with the time after which the client gave up, or was told. */
  readonly p99Ms: number;
  /** Packets, or requests and attempts to connect, that the attackers sent per second. */
  readonly offeredPerSecond: number;
}

/** All rounds of both floods. */
export type FloodRounds = Readonly<Record<Flood, Readonly<Record<Phase, readonly PhaseResult[]>>>>;

/** Sums up one phase. Pure. @param samples those whose requests began within it */
export function phaseResult(
  samples: readonly TcpSample[],
  timeoutMs: number,
  offeredPerSecond: number,
): PhaseResult {
  if (samples.length === 0) throw new Error('the client sent no request');
  const times = samples
    .map(({ ok, startMs, endMs }) => (ok ? endMs - startMs : timeoutMs))
    .sort((a, b) => a - b);
  return {
    successRate: samples.filter(({ ok }) => ok).length / samples.length,
    p99Ms: times[Math.ceil(times.length * 0.99) - 1] ?? timeoutMs,
    offeredPerSecond,
  };
}

/** The middle of all rounds, each figure by itself. Pure. */
export function summarizeRounds(rounds: readonly PhaseResult[]): PhaseResult {
  const middle = (read: (result: PhaseResult) => number, digits: number) =>
    Number(median(rounds.map(read)).toFixed(digits));
  return {
    successRate: middle(({ successRate }) => successRate, 4),
    p99Ms: middle(({ p99Ms }) => p99Ms, 1),
    offeredPerSecond: middle(({ offeredPerSecond }) => offeredPerSecond, 0),
  };
}

/** `{synFlood: {undisturbed: …}, httpFlood: …}`. Pure. */
export function floodFigures(
  rounds: FloodRounds,
): Readonly<Record<Flood, Readonly<Record<Phase, PhaseResult>>>> {
  const ofFlood = (flood: Flood) => ({
    undisturbed: summarizeRounds(rounds[flood].undisturbed),
    unprotected: summarizeRounds(rounds[flood].unprotected),
    protected: summarizeRounds(rounds[flood].protected),
  });
  return { synFlood: ofFlood('synFlood'), httpFlood: ofFlood('httpFlood') };
}

/** The same for people. Pure. */
export function floodTable(rounds: FloodRounds): readonly (readonly string[])[] {
  const figures = floodFigures(rounds);
  const rows = FLOODS.flatMap((flood) =>
    PHASES.map((phase) => {
      const { successRate, p99Ms, offeredPerSecond } = figures[flood][phase];
      return [flood, phase, `${(successRate * 100).toFixed(1)} %`, `${p99Ms} ms`, `${offeredPerSecond} /s`];
    }),
  );
  return [['flood', 'phase', 'succeeded', 'p99', 'offered'], ...rows];
}
