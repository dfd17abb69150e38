// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '../address/parsed.ts';

/** How {@link parseDurationMs} reads a number without a unit, and the limits of the result. */
export interface DurationOptions {
  readonly bareUnit?: 's' | 'ms';
  readonly minMs?: number;
  readonly maxMs?: number;
}

const BOOLEAN_WORDS: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  true: true,
  '0': false,
  f: false,
  false: false,
};

/** Truth value as Go's strconv.ParseBool reads it, in any case. */
export function parseBool(text: string): Parsed<boolean> {
  const value = BOOLEAN_WORDS[text.trim().toLowerCase()];
  return value === undefined ? unparsable('true or false') : parsed(value);
}

/** Whole decimal number in a closed range. */
export function parseInteger(
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): Parsed<number> {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? parsed(value) : unparsable(`a whole number from ${min} to ${max}`);
}

const UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** Duration in Go notation, or a bare number in `bareUnit`; result in milliseconds. */
export function parseDurationMs(text: string, options: DurationOptions = {}): Parsed<number> {
  const { bareUnit, minMs = 0, maxMs = Number.MAX_SAFE_INTEGER } = options;
  const expected = `a duration such as 15s or 1m30s${bareUnit === undefined ? '' : ` (a bare number counts ${bareUnit})`}`;
  const total = durationOf(text, bareUnit);
  if (total === undefined) return unparsable(expected);
  if (total < minMs || total > maxMs) {
    const limit =
      maxMs === Number.MAX_SAFE_INTEGER ? `of at least ${minMs} ms` : `from ${minMs} ms to ${maxMs} ms`;
    return unparsable(`a duration ${limit}`);
  }
  return parsed(total);
}

function durationOf(text: string, bareUnit: 's' | 'ms' | undefined): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) {
    if (Number(text) === 0) return 0;
    return bareUnit === undefined ? undefined : Number(text) * (UNIT_MS[bareUnit] ?? 1);
  }
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  }
  return total;
}
