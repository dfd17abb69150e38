// SPDX-License-Identifier: Apache-2.0

/** A JSON value as it travels on the wire. Values are never changed in place once they are stored. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object; an absent key and an `undefined` value mean the same and serialise the same. */
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** `metadata.ownerReferences[]`. */
export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
};

/** `metadata` of an object, as sent by a client (nearly empty) or as stored (complete). */
export interface ObjectMeta extends JsonObject {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Decimal number as a string: the revision of the last write. */
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339, whole seconds, UTC. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly JsonObject[];
}

/** Any Kubernetes object. `metadata` is always there: the decoder adds an empty one. */
export interface ApiObject extends JsonObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: ObjectMeta;
}

/** True for a JSON object (not null, not an array). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object, or an empty object when it is something else. */
export function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** The value as an array, or an empty array when it is something else. */
export function arrayOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** The value as a string, or '' when it is something else. */
export function stringOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** The value as a number, or `fallback` when it is something else. */
export function numberOf(value: Json | undefined, fallback = 0): number {
  return typeof value === 'number' ? value : fallback;
}

/** The value at a path of object keys, `undefined` where the path ends early. */
export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let current = value;
  for (const key of path) current = isJsonObject(current) ? current[key] : undefined;
  return current;
}

/** The same object with another `metadata`, merged over the present one; `undefined` values remove a key. */
export function withMeta(object: ApiObject, changes: JsonObject): ApiObject {
  const metadata: Record<string, Json | undefined> = { ...object.metadata, ...changes };
  for (const [key, value] of Object.entries(metadata)) if (value === undefined) delete metadata[key];
  return { ...object, metadata };
}

/** Deep equality of JSON values; key order and `undefined` values do not matter. */
export function jsonEqual(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => jsonEqual(item, b[index]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) if (!jsonEqual(a[key], b[key])) return false;
  return true;
}

/** RFC 3339 without fractions, the form of `creationTimestamp` (metav1.Time). */
export function formatTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
