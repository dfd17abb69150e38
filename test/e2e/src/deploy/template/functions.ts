// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';

/** What templates are about: JSON, as values files have it. */
export type Value = string | number | boolean | null | undefined | readonly Value[] | ValueMap;

/** A map; `set` changes it in place, as in Helm. */
export interface ValueMap {
  [key: string]: Value;
}

/** Go's idea of what counts as nothing. */
export function isEmpty(value: Value): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** As Go prints it. */
export function textOf(value: Value): string {
  return value === undefined || value === null ? '' : String(value);
}

function kindOf(value: Value): string {
  if (value === undefined || value === null) return 'invalid';
  if (Array.isArray(value)) return 'slice';
  // Numbers of values files; there are no others in our templates.
  if (typeof value === 'number') return 'float64';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'string' : 'map';
}

function mapOf(value: Value): ValueMap {
  if (kindOf(value) !== 'map') throw new Error(`expected a map, got ${JSON.stringify(value)}`);
  return value as ValueMap;
}

function indent(width: Value, text: Value): string {
  const padding = ' '.repeat(Number(width));
  return textOf(text)
    .split('\n')
    .map((line) => padding + line)
    .join('\n');
}

/** The functions of Helm that our chart calls, but those that need the chart (`include`, `lookup`). */
export const FUNCTIONS: Readonly<Record<string, (...args: Value[]) => Value>> = {
  and: (...args) => args.find(isEmpty) ?? args.at(-1),
  append: (list, item) => [...((list ?? []) as readonly Value[]), item],
  b64enc: (text) => Buffer.from(textOf(text)).toString('base64'),
  default: (fallback, value) => (isEmpty(value) ? fallback : value),
  dict: (...args) => {
    const map: ValueMap = {};
    for (let i = 0; i < args.length; i += 2) map[textOf(args[i])] = args[i + 1];
    return map;
  },
  eq: (a, b) => a === b,
  index: (container, key) =>
    Array.isArray(container) ? (container[Number(key)] as Value) : mapOf(container)[textOf(key)],
  int64: (value) => Math.trunc(Number(value)),
  join: (separator, list) => (list as readonly Value[]).map(textOf).join(textOf(separator)),
  kindIs: (kind, value) => kindOf(value) === kind,
  list: (...args) => args,
  ne: (a, b) => a !== b,
  nindent: (width, text) => `\n${indent(width, text)}`,
  not: (value) => isEmpty(value),
  or: (...args) => args.find((value) => !isEmpty(value)) ?? args.at(-1),
  printf: (format, ...args) => textOf(format).replace(/%[sd]/g, () => textOf(args.shift())),
  quote: (value) => JSON.stringify(textOf(value)),
  randAlphaNum: (length) => randomBytes(Number(length)).toString('hex').slice(0, Number(length)),
  required: (message, value) => {
    if (value === undefined || value === null || value === '') throw new Error(textOf(message));
    return value;
  },
  set: (map, key, value) => {
    mapOf(map)[textOf(key)] = value;
    return map;
  },
  toString: textOf,
  toYaml: (value) => stringify(value, { sortMapEntries: true, lineWidth: 0 }).trimEnd(),
  trim: (text) => textOf(text).trim(),
};
