// SPDX-License-Identifier: Apache-2.0

/** Scalars of the Kubernetes API. `any` is free JSON (`fieldsV1`), `bytes` is base64 text. */
export const SCALARS = [
  'string',
  'int32',
  'int64',
  'bool',
  'double',
  'intstr',
  'quantity',
  'time',
  'microtime',
  'bytes',
  'any',
] as const;
export type Scalar = (typeof SCALARS)[number];

export interface ScalarType {
  readonly type: 'scalar';
  readonly scalar: Scalar;
}

/**
 * A list. `topology` is what server-side apply makes of it: `atomic` has one owner, `set` is a set of scalars, `map` holds
 * objects told apart by `keys`.
 */
export interface ListType {
  readonly type: 'list';
  readonly items: SchemaType;
  readonly topology: 'atomic' | 'set' | 'map';
  readonly keys: readonly string[];
}

/** A map with string keys. */
export interface MapType {
  readonly type: 'map';
  readonly values: SchemaType;
  readonly atomic: boolean;
}

/** An object with known fields. */
export interface StructType {
  readonly type: 'struct';
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
  readonly atomic: boolean;
}

export type SchemaType = ScalarType | ListType | MapType | StructType;

/** A field of a struct. */
export interface Field {
  readonly name: string;
  readonly type: SchemaType;
  /** True when "not set" and the zero value differ (a pointer in the original): `0`, `false` and `""` are kept. */
  readonly pointer: boolean;
  /** True when the field is written out even when nothing was given (no `omitempty` in the original). */
  readonly always: boolean;
  /** Strategic merge patch: how two lists become one. `undefined`: the patch replaces. */
  readonly merge: { readonly key: string | undefined } | undefined;
  /** Strategic merge patch: keys absent from `$retainKeys` are cleared (unions). */
  readonly retainKeys: boolean;
}
