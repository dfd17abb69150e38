// SPDX-License-Identifier: Apache-2.0
import type { Json } from '../api/objects.ts';
import type { Cause } from '../api/status.ts';

/*
 * Causes in the words of the real API server: `Invalid value: "x": must be ...`, `Required value`, and so on.
 */

/** The value does not fit. Strings are quoted, numbers are not, everything else is JSON. */
export function invalidValue(field: string, value: Json | undefined, detail: string): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown(value)}: ${detail}`, field };
}

/** The field must be set. */
export function requiredValue(field: string, detail = ''): Cause {
  return { reason: 'FieldValueRequired', message: withDetail('Required value', detail), field };
}

/** The field must not be set here, or must not change. */
export function forbiddenValue(field: string, detail: string): Cause {
  return { reason: 'FieldValueForbidden', message: withDetail('Forbidden', detail), field };
}

/** The value occurs twice. */
export function duplicateValue(field: string, value: Json | undefined): Cause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${shown(value)}`, field };
}

/** The value is none of the allowed ones. */
export function unsupportedValue(field: string, value: Json | undefined, allowed: readonly string[]): Cause {
  const list = allowed.map((item) => JSON.stringify(item)).join(', ');
  return {
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${shown(value)}: supported values: ${list}`,
    field,
  };
}

/** A text longer than `maximum` bytes. */
export function tooLong(field: string, maximum: number): Cause {
  return { reason: 'FieldValueTooLong', message: `Too long: may not be more than ${maximum} bytes`, field };
}

/** A list of more than `maximum` items. */
export function tooMany(field: string, count: number, maximum: number): Cause {
  return {
    reason: 'FieldValueTooMany',
    message: `Too many: ${count}: must have at most ${maximum} items`,
    field,
  };
}

/** One cause per message of a check such as {@link dns1123Label}. */
export function invalidFor(field: string, value: Json | undefined, details: readonly string[]): Cause[] {
  return details.map((detail) => invalidValue(field, value, detail));
}

function withDetail(text: string, detail: string): string {
  return detail === '' ? text : `${text}: ${detail}`;
}

function shown(value: Json | undefined): string {
  return value === undefined ? 'null' : JSON.stringify(value);
}
