// SPDX-License-Identifier: Apache-2.0

/** The generated models put `_` before field names that are reserved words (`_continue`); the wire does not. */
type WireKey<K> = K extends `_${infer Name}` ? Name : K;

/**
 * A model type of the official client as the JSON that is really on the wire: dates are strings, reserved words have
 * their own name, and everything is read-only, because objects in a store are shared by all who read it.
 *
 * We speak raw JSON, so a PUT never drops fields that this version of the models does not know.
 */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Wire<Item>[]
    : T extends object
      ? { readonly [K in keyof T as WireKey<K>]: Wire<T[K]> }
      : T;

/** The same shape, writable: for a copy that is about to be sent. */
export type Draft<T> = T extends readonly (infer Item)[]
  ? Draft<Item>[]
  : T extends object
    ? { -readonly [K in keyof T]: Draft<T[K]> }
    : T;

/** A deep copy that may be changed and sent back; never change an object that came from a store. */
export function draft<T>(object: T): Draft<T> {
  return structuredClone(object) as Draft<T>;
}
