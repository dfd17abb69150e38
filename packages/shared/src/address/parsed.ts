// SPDX-License-Identifier: Apache-2.0

/**
 * Outcome of reading text written by a person: the value, or a sentence that says what was received and what was
 * expected. A value and not an exception, because callers collect many problems before they report.
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/** The successful outcome. */
export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** The failed outcome; `problem` reads well after "key=value: ". */
export function unparsable<T>(problem: string): Parsed<T> {
  return { ok: false, problem };
}
