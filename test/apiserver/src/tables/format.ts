// SPDX-License-Identifier: Apache-2.0
import { arrayOf, at, isJsonObject, type Json, objectOf, stringOf } from '../api/objects.ts';

/** What tables show for an empty value. */
export const NONE = '<none>';
export const UNKNOWN = '<unknown>';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** A span of time as kubectl shows it: `5s`, `3m20s`, `5h10m`, `2d3h`, `400d`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  if (seconds < 10 * MINUTE) return twoUnits(seconds, MINUTE, 'm', 1, 's', 60);
  if (seconds < 3 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 8 * HOUR) return twoUnits(seconds, HOUR, 'h', MINUTE, 'm', 60);
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < 8 * DAY) return twoUnits(seconds, DAY, 'd', HOUR, 'h', 24);
  if (seconds < 2 * YEAR) return `${Math.floor(seconds / DAY)}d`;
  if (seconds < 8 * YEAR) return twoUnits(seconds, YEAR, 'y', DAY, 'd', 365);
  return `${Math.floor(seconds / YEAR)}y`;
}

function twoUnits(
  seconds: number,
  major: number,
  majorName: string,
  minor: number,
  minorName: string,
  modulus: number,
): string {
  const rest = Math.floor(seconds / minor) % modulus;
  const head = `${Math.floor(seconds / major)}${majorName}`;
  return rest === 0 ? head : `${head}${rest}${minorName}`;
}

/** The time since an RFC 3339 timestamp, `<unknown>` when there is none. */
export function ageOf(timestamp: Json | undefined, now: Date): string {
  if (typeof timestamp !== 'string') return UNKNOWN;
  const time = Date.parse(timestamp);
  return Number.isNaN(time) ? UNKNOWN : humanDuration(now.getTime() - time);
}

/** Labels as `a=b,c=d` in the order of their keys. */
export function formatLabels(labels: Json | undefined): string {
  const pairs = Object.entries(objectOf(labels))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${stringOf(value)}`);
  return pairs.length === 0 ? NONE : pairs.join(',');
}

const SET_OPERATORS: Readonly<Record<string, string>> = { In: 'in', NotIn: 'notin' };

/** A LabelSelector (`matchLabels`, `matchExpressions`) as selector text. */
export function formatSelector(selector: Json | undefined): string {
  if (!isJsonObject(selector)) return NONE;
  const labels = Object.entries(objectOf(selector.matchLabels)).map(([key, value]): [string, string] => [
    key,
    `${key}=${stringOf(value)}`,
  ]);
  const expressions = arrayOf(selector.matchExpressions).map((item): [string, string] => {
    const key = stringOf(at(item, 'key'));
    const operator = stringOf(at(item, 'operator'));
    if (operator === 'Exists') return [key, key];
    if (operator === 'DoesNotExist') return [key, `!${key}`];
    const values = arrayOf(at(item, 'values')).map(stringOf).sort();
    return [key, `${key} ${SET_OPERATORS[operator] ?? operator} (${values.join(',')})`];
  });
  const terms = [...labels, ...expressions].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return terms.length === 0 ? NONE : terms.join(',');
}

/** `3` items of a list and how many more there are. */
export function firstThree(items: readonly string[]): string {
  if (items.length === 0) return '<unset>';
  const shown = items.slice(0, 3).join(',');
  return items.length > 3 ? `${shown} + ${items.length - 3} more...` : shown;
}

/** Names or images of the containers of a pod template. */
export function containerTexts(template: Json | undefined, key: 'name' | 'image'): string {
  return arrayOf(at(template, 'spec', 'containers'))
    .map((container) => stringOf(at(container, key)))
    .join(',');
}

/** `host:port`, with brackets around an IPv6 address. */
export function hostPort(host: string, port: Json | undefined): string {
  return host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}
