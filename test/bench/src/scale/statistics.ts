// SPDX-License-Identifier: Apache-2.0

/** What is told of a set of durations. */
export interface Summary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/**
 * The smallest value that at least `share` of all values do not exceed (nearest rank, no interpolation): always a value
 * that was measured. Throws on an empty list.
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  const value = sorted[rank - 1];
  if (value === undefined) throw new Error('percentile of nothing');
  return value;
}

/** Median, 99th percentile and worst, rounded to a tenth. */
export function summarize(valuesMs: readonly number[]): Summary {
  return {
    count: valuesMs.length,
    p50Ms: tenth(percentile(valuesMs, 0.5)),
    p99Ms: tenth(percentile(valuesMs, 0.99)),
    worstMs: tenth(percentile(valuesMs, 1)),
  };
}

/** Rounded to one decimal. */
export function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
