// SPDX-License-Identifier: Apache-2.0
import { arrayOf, isJsonObject, type Json, type JsonObject, objectOf } from '../api/objects.ts';

/** The object with defaults for keys it lacks or has empty; the defaults' `undefined` values are ignored. */
export function withDefaults(value: Json | undefined, defaults: JsonObject): JsonObject {
  const present = Object.entries(objectOf(value)).filter(
    ([, item]) => item !== undefined && item !== null && item !== '',
  );
  const missing = Object.entries(defaults).filter(([, item]) => item !== undefined);
  return { ...objectOf(value), ...Object.fromEntries(missing), ...Object.fromEntries(present) };
}

/** Changes one key when it is there and an object. */
export function changeObject(
  object: JsonObject,
  key: string,
  change: (value: JsonObject) => JsonObject,
): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? { ...object, [key]: change(value) } : object;
}

/** Changes every object in a list when the list is there. */
export function changeItems(
  object: JsonObject,
  key: string,
  change: (value: JsonObject) => JsonObject,
): JsonObject {
  const value = object[key];
  if (!Array.isArray(value)) return object;
  return { ...object, [key]: arrayOf(value).map((item) => (isJsonObject(item) ? change(item) : item)) };
}
