// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { type LabelSelector, parseLabelSelector } from '@fairlead/shared/kubernetes/label-selector.ts';
import { parseBool, parseDurationMs } from '@fairlead/shared/runtime/parse-values.ts';
import type { ChangePolicy } from './pool.ts';

/*
 * Readers of values that are no lists of addresses. A problem says what was expected and reads well after `key=value: `.
 */

/** Time for which a drained address is held beside its replacement unless told otherwise. */
export const DEFAULT_DRAIN_MS = 600_000;
const HOUR_MS = 3_600_000;
/** Longer times are typing errors, and deadlines must stay dates. */
const MAX_HOURS = 8_760;

/** `true` or `false` as Go reads them. */
export function readBool(value: string): Parsed<boolean> {
  const result = parseBool(value);
  return result.ok ? result : unparsable('expected true or false');
}

/** One of a few words. */
export function readWord<T extends string>(value: string, words: readonly T[]): Parsed<T> {
  const word = words.find((candidate) => candidate === value.trim());
  return word === undefined ? unparsable(`expected ${words.join(' or ')}`) : parsed(word);
}

/** A Go duration. */
export function readDuration(value: string): Parsed<number> {
  const result = parseDurationMs(value.trim(), { maxMs: MAX_HOURS * HOUR_MS });
  return result.ok
    ? result
    : unparsable(`expected a duration of at most ${MAX_HOURS}h, for example 90s or 1h30m`);
}

/** `keep`, `move`, `drain` or `drain` with a duration. */
export function readChangePolicy(value: string): Parsed<ChangePolicy> {
  const [word = '', time, ...rest] = value.trim().split(/\s+/);
  if (rest.length === 0) {
    if (time === undefined && (word === 'keep' || word === 'move')) return parsed({ kind: word });
    if (word === 'drain' && time === undefined) return parsed({ kind: 'drain', drainMs: DEFAULT_DRAIN_MS });
    const drainMs = word === 'drain' && time !== undefined ? readDuration(time) : undefined;
    if (drainMs?.ok) return parsed({ kind: 'drain', drainMs: drainMs.value });
    if (drainMs !== undefined) return drainMs;
  }
  return unparsable('expected keep, move, drain, or drain with a time, for example drain 30m');
}

/** A label selector that chooses; an empty one would choose every Service and is taken for a mistake. */
export function readSelector(value: string): Parsed<LabelSelector> {
  const text = value.trim();
  if (text === '') return unparsable(`is empty; ${EXPECTED_SELECTOR}`);
  const result = parseLabelSelector(text);
  return result.ok ? result : unparsable(`${result.problem}; ${EXPECTED_SELECTOR}`);
}

const EXPECTED_SELECTOR = 'expected a label selector, for example app=web,tier in (front, back)';

/** Name of a network interface as Linux has them. */
export function readInterface(value: string): Parsed<string> {
  const name = value.trim();
  if (name === '') return unparsable('is empty; expected the name of a network interface');
  return /^[^\s/,]{1,15}$/.test(name) && name !== '.' && name !== '..'
    ? parsed(name)
    : unparsable(
        'expected the name of a network interface: one, at most 15 characters, no spaces or slashes',
      );
}
