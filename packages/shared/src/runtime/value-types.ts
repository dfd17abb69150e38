// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '../address/parsed.ts';
import { type DurationOptions, parseBool, parseDurationMs, parseInteger } from './parse-values.ts';

/** What a setting may be: how its text is read, what it is when nothing is said, and the words for both in the reference. */
export interface ValueType<T> {
  readonly kind: 'bool' | 'integer' | 'duration' | 'word' | 'text';
  /** A problem's text says what was expected. */
  readonly parse: (text: string) => Parsed<T>;
  readonly fallback: T;
  /** The fallback as a user would write it, or in words; empty: nothing. */
  readonly defaultText: string;
  /** What may be given, for example `1 to 65535`. */
  readonly allowed: string;
  /** What a bare number counts. */
  readonly unit?: 's' | 'ms';
}

/** True or false, in the spellings of Go's flag package. */
export function boolType(fallback: boolean): ValueType<boolean> {
  return {
    kind: 'bool',
    parse: parseBool,
    fallback,
    defaultText: `${fallback}`,
    allowed: 'true or false',
  };
}

/** A whole number in a closed range. */
export function integerType(
  fallback: number,
  options: {
    readonly min: number;
    readonly max: number;
    readonly unit?: 's' | 'ms';
    /** In the place of the number, where that says too little. */
    readonly defaultText?: string;
  },
): ValueType<number> {
  const { min, max, unit, defaultText = `${fallback}` } = options;
  return {
    kind: 'integer',
    parse: (text) => parseInteger(text, { min, max }),
    fallback,
    defaultText,
    allowed: `${min} to ${max}`,
    ...(unit === undefined ? {} : { unit }),
  };
}

/** A time, in milliseconds once read: Go notation, or a bare number in the unit. */
export function durationType(
  fallbackMs: number,
  options: DurationOptions & { readonly bareUnit: 's' | 'ms' },
): ValueType<number> {
  const { bareUnit, minMs = 0, maxMs } = options;
  const inUnit = (ms: number) => (bareUnit === 's' ? ms / 1_000 : ms);
  return {
    kind: 'duration',
    parse: (text) => parseDurationMs(text, options),
    fallback: fallbackMs,
    defaultText: `${inUnit(fallbackMs)}`,
    allowed: maxMs === undefined ? `from ${inUnit(minMs)}` : `${inUnit(minMs)} to ${inUnit(maxMs)}`,
    unit: bareUnit,
  };
}

/** One of a few words; without a fallback, undefined when nothing is said. */
export function wordType<const T extends string>(words: readonly T[], fallback: NoInfer<T>): ValueType<T>;
export function wordType<const T extends string>(
  words: readonly T[],
  fallback: undefined,
  defaultText: string,
): ValueType<T | undefined>;
export function wordType<const T extends string>(
  words: readonly T[],
  fallback: T | undefined,
  defaultText: string = fallback ?? '',
): ValueType<T | undefined> {
  const parse = (text: string): Parsed<T | undefined> => {
    const word = words.find((candidate) => candidate === text);
    return word === undefined ? unparsable(`one of ${words.join(', ')}`) : parsed(word);
  };
  return { kind: 'word', parse, fallback, defaultText, allowed: words.join(', ') };
}

/** Text with a grammar of its own. */
export function textType<T>(options: {
  readonly parse: (text: string) => Parsed<T>;
  readonly fallback: T;
  readonly allowed: string;
  readonly defaultText: string;
}): ValueType<T> {
  return { kind: 'text', ...options };
}
