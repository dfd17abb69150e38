// SPDX-License-Identifier: Apache-2.0
/** What a series of connection attempts says about an address. Pure. */
import type { Span } from './ownership-judge.ts';
import type { TcpSample, TcpSummary } from './tcp-events.ts';

/** The longest time without a success. */
export interface TcpGap extends Span {
  readonly gapMs: number;
}

/**
 * The longest time between two successive successes, counted between their ends, so that a connection which hung and
 * succeeded late does not count as service at the time it was begun. Undefined with fewer than two successes.
 */
export function longestSuccessGap(samples: readonly TcpSample[], window?: Span): TcpGap | undefined {
  const ends = samples
    .filter((sample) => sample.ok && within(sample.endMs, window))
    .map((sample) => sample.endMs)
    .sort((a, b) => a - b);
  let worst: TcpGap | undefined;
  ends.forEach((toMs, index) => {
    const fromMs = ends[index - 1];
    if (fromMs === undefined) return;
    const gapMs = toMs - fromMs;
    if (worst === undefined || gapMs > worst.gapMs) worst = { fromMs, toMs, gapMs };
  });
  return worst;
}

/** Attempts that began within the span, and those of them that failed. */
export function attemptsWithin(
  samples: readonly TcpSample[],
  window: Span,
): { readonly sent: number; readonly failed: readonly TcpSample[] } {
  const begun = samples.filter((sample) => within(sample.startMs, window));
  return { sent: begun.length, failed: begun.filter((sample) => !sample.ok) };
}

/** Answers per pod. */
export function answersPerPod(samples: readonly TcpSample[]): Record<string, number> {
  return count(samples.flatMap((sample) => (sample.ok ? [sample.pod ?? ''] : [])));
}

/** Totals over all samples. */
export function summarizeTcp(samples: readonly TcpSample[]): TcpSummary {
  const failed = samples.filter((sample) => !sample.ok);
  return {
    sent: samples.length,
    failed: failed.length,
    perPod: answersPerPod(samples),
    errors: count(failed.map((sample) => sample.error ?? 'unknown')),
    longestGapMs: longestSuccessGap(samples)?.gapMs ?? 0,
  };
}

function count(names: readonly string[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const name of names) totals[name] = (totals[name] ?? 0) + 1;
  return totals;
}

function within(atMs: number, window: Span | undefined): boolean {
  return window === undefined || (atMs >= window.fromMs && atMs <= window.toMs);
}
