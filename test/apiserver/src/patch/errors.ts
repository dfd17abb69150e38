// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json } from '../api/objects.ts';
import { StatusError } from '../api/status.ts';

/** A self-contradictory patch is an internal error of the real server: 500 without a reason. */
export function unreadable(message: string): StatusError {
  return new StatusError(500, '', message);
}

/** A value as Go prints it with `%v`: error texts quote patches so. */
export function goText(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map((item) => goText(item)).join(' ')}]`;
  if (isJsonObject(value)) {
    const parts = Object.keys(value)
      .sort()
      .map((key) => `${key}:${goText(value[key])}`);
    return `map[${parts.join(' ')}]`;
  }
  return value === null || value === undefined ? '<nil>' : String(value);
}
