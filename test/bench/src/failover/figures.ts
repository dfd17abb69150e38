// SPDX-License-Identifier: Apache-2.0
import { median } from '../benchmark.ts';
import type { RoundGaps } from './gaps.ts';

/** What came of the rounds of one kind, in whole milliseconds. */
export interface KindFigures {
  readonly medianMs: number;
  readonly worstMs: number;
  readonly rounds: number;
  /** The longest in which two hosts claimed the address, over all rounds. */
  readonly twoOwnersMs: number;
  /** Failed requests of the median round. */
  readonly failedRequestsMedian: number;
  /** The longest pause of a probe, over all rounds: gaps are known no better than this. */
  readonly probeStallMs: number;
}

/** Sums up the rounds of one kind. Throws without rounds. */
export function summarizeRounds(rounds: readonly RoundGaps[]): KindFigures {
  const outages = rounds.map(({ outageMs }) => outageMs);
  return {
    medianMs: Math.round(median(outages)),
    worstMs: Math.round(Math.max(...outages)),
    rounds: rounds.length,
    twoOwnersMs: Math.round(Math.max(...rounds.map(({ twoOwnersMs }) => twoOwnersMs))),
    failedRequestsMedian: median(rounds.map(({ failed }) => failed)),
    probeStallMs: Math.round(Math.max(...rounds.map(({ stallMs }) => stallMs))),
  };
}

/** Bounds in milliseconds, by kind: of the median round and of the worst; undefined: none. */
export const BOUNDS: Readonly<Record<string, { readonly medianMs?: number; readonly worstMs: number }>> = {
  unplug: { medianMs: 350, worstMs: 500 },
  silentDrop: { medianMs: 350, worstMs: 500 },
  kill: { medianMs: 350, worstMs: 500 },
  freeze: { medianMs: 350, worstMs: 500 },
  coordinator: { medianMs: 350, worstMs: 500 },
  drain: { worstMs: 50 },
  rollingRestart: { worstMs: 50 },
  thousand: { worstMs: 2_000 },
};

/** What the table is made of: kinds as named in the JSON, keepalived's included. */
export type FigureSet = Readonly<Record<string, KindFigures>>;

const HEADER = [
  '',
  'median, ms',
  'worst, ms',
  'bound',
  'failed requests',
  'probe stall, ms',
  'keepalived takes',
  'at 100 ms',
];

/** Rows for people, with both ratios (keepalived's median by ours). */
export function failoverTable(
  figures: FigureSet,
  thousandMs: number | undefined,
): readonly (readonly string[])[] {
  const ratio = (rival: KindFigures | undefined, medianMs: number) =>
    rival === undefined || medianMs === 0 ? '' : `${(rival.medianMs / medianMs).toFixed(1)} x`;
  const rows = Object.entries(figures).map(
    ([kind, { medianMs, worstMs, failedRequestsMedian, probeStallMs }]) => {
      const isRival = kind.startsWith('keepalived');
      return [
        kind,
        String(medianMs),
        String(worstMs),
        boundText(kind, medianMs, worstMs),
        String(failedRequestsMedian),
        String(probeStallMs),
        isRival ? '' : ratio(figures.keepalivedDefault, medianMs),
        isRival ? '' : ratio(figures.keepalived100ms, medianMs),
      ];
    },
  );
  if (thousandMs !== undefined) {
    rows.push(['thousand', '', String(thousandMs), boundText('thousand', 0, thousandMs), '', '', '', '']);
  }
  return [HEADER, ...rows];
}

function boundText(kind: string, medianMs: number, worstMs: number): string {
  const bound = BOUNDS[kind];
  if (bound === undefined) return '';
  const isKept = worstMs <= bound.worstMs && medianMs <= (bound.medianMs ?? Number.POSITIVE_INFINITY);
  const text = bound.medianMs === undefined ? `${bound.worstMs}` : `${bound.medianMs} / ${bound.worstMs}`;
  return `${text}${isKept ? '' : '  MISSED'}`;
}
