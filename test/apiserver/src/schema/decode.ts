// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json, type JsonObject } from '../api/objects.ts';
import { canonicalQuantity } from './quantity.ts';
import type { Field, ListType, Scalar, SchemaType, StructType } from './types.ts';

/** A value does not fit its field. The message is the one of Go's decoder, which the real server passes on. */
export class DecodeError extends Error {
  /** What the converter of strategic merge patches says of the same problem. */
  readonly conversionMessage: string;

  constructor(message: string, conversionMessage = message) {
    super(message);
    this.name = 'DecodeError';
    this.conversionMessage = conversionMessage;
  }
}

/** A decoded object, and the paths in it that no field stands for. */
export interface Decoded {
  readonly object: JsonObject;
  readonly unknownFields: readonly string[];
}

/**
 * What the real server keeps of an object that it reads: unknown fields are dropped (and reported), empty values that
 * mean "not set" too, and fields that are always there appear. Throws DecodeError for a value of a wrong type.
 */
export function decode(struct: StructType, value: Json): Decoded {
  const unknownFields: string[] = [];
  const object = decodeStruct(struct, value, {
    unknownFields,
    owner: '',
    goPath: '',
    path: '',
  });
  return { object, unknownFields };
}

interface Place {
  readonly unknownFields: string[];
  /** Type and field names as Go's messages have them: `ServicePort.spec.ports.port`. */
  readonly owner: string;
  readonly goPath: string;
  /** Path with indexes, as in `unknown field "spec.ports[0].x"`. */
  readonly path: string;
}

function decodeStruct(struct: StructType, value: Json, place: Place): JsonObject {
  if (!isJsonObject(value)) throw mismatch(value, `v1.${struct.name}`, place);
  const result: Record<string, Json> = {};
  for (const [name, item] of Object.entries(value)) {
    const field = struct.fields.get(name);
    if (field === undefined) {
      place.unknownFields.push(join(place.path, name));
      continue;
    }
    if (item === undefined || item === null) continue;
    const decoded = decodeValue(field.type, item, {
      unknownFields: place.unknownFields,
      owner: struct.name,
      goPath: join(place.goPath, name),
      path: join(place.path, name),
    });
    if (isZero(decoded, field.type) && field.type.type !== 'scalar' && !field.pointer) continue;
    if (field.always || field.pointer || !isZero(decoded, field.type)) result[name] = decoded;
  }
  for (const field of struct.fields.values()) {
    if (field.always && result[field.name] === undefined) result[field.name] = absent(field);
  }
  return result;
}

function decodeValue(type: SchemaType, value: Json, place: Place): Json {
  switch (type.type) {
    case 'struct':
      return decodeStruct(type, value === null ? {} : value, place);
    case 'list':
      return decodeList(type, value, place);
    case 'map': {
      if (!isJsonObject(value)) throw mismatch(value, goType(type), place);
      const entries = Object.entries(value).map(([key, item]): [string, Json] => [
        key,
        decodeValue(type.values, item ?? null, { ...place, path: join(place.path, key) }),
      ]);
      return Object.fromEntries(entries);
    }
    case 'scalar':
      return decodeScalar(type.scalar, value, place);
  }
}

function decodeList(type: ListType, value: Json, place: Place): Json {
  if (!Array.isArray(value)) throw mismatch(value, goType(type), place);
  return value.map((item: Json, index) =>
    decodeValue(type.items, item, { ...place, path: `${place.path}[${index}]` }),
  );
}

const ZERO: Readonly<Record<Scalar, Json>> = {
  string: '',
  int32: 0,
  int64: 0,
  bool: false,
  double: 0,
  intstr: 0,
  quantity: '0',
  time: null,
  microtime: null,
  bytes: '',
  any: null,
};

function decodeScalar(scalar: Scalar, value: Json, place: Place): Json {
  if (value === null) return ZERO[scalar];
  switch (scalar) {
    case 'int32':
      if (typeof value !== 'number' || (value | 0) !== value) throw mismatch(value, scalar, place);
      return value;
    case 'int64':
      if (typeof value !== 'number' || !Number.isInteger(value)) throw mismatch(value, scalar, place);
      return value;
    case 'double':
      if (typeof value !== 'number') throw mismatch(value, 'float64', place);
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw mismatch(value, 'bool', place);
      return value;
    case 'intstr':
      if (typeof value !== 'number' && typeof value !== 'string') throw mismatch(value, 'int32', place);
      return value;
    case 'quantity':
      return decodeQuantity(value, place);
    case 'any':
      return value;
    default:
      return decodeText(scalar, value, place);
  }
}

function decodeQuantity(value: Json, place: Place): Json {
  if (typeof value !== 'number' && typeof value !== 'string') throw mismatch(value, 'string', place);
  const canonical = canonicalQuantity(String(value));
  if (canonical !== undefined) return canonical;
  throw new DecodeError(
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  );
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodeText(scalar: Scalar, value: Json, place: Place): Json {
  if (typeof value !== 'string') throw mismatch(value, scalar === 'bytes' ? '[]uint8' : 'string', place);
  if (scalar === 'bytes' && !BASE64.test(value)) {
    const good = /^[A-Za-z0-9+/]*/.exec(value)?.[0].length ?? 0;
    throw new DecodeError(`illegal base64 data at input byte ${good}`);
  }
  if ((scalar === 'time' || scalar === 'microtime') && !RFC3339.test(value)) {
    const layout = scalar === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
    const text = JSON.stringify(value);
    throw new DecodeError(`parsing time ${text} as "${layout}": cannot parse ${text} as "2006"`);
  }
  return value;
}

function isZero(value: Json, type: SchemaType): boolean {
  switch (type.type) {
    case 'struct':
      return false;
    case 'list':
      return Array.isArray(value) && value.length === 0;
    case 'map':
      return isJsonObject(value) && Object.keys(value).length === 0;
    case 'scalar':
      return value === ZERO[type.scalar] && type.scalar !== 'quantity' && type.scalar !== 'intstr';
  }
}

/** What stands in a field that is always written out and was not given. */
function absent(field: Field): Json {
  if (field.pointer) return null;
  switch (field.type.type) {
    case 'struct':
      return decodeStruct(field.type, {}, { unknownFields: [], owner: '', goPath: '', path: '' });
    case 'list':
    case 'map':
      return null;
    case 'scalar':
      return ZERO[field.type.scalar];
  }
}

function mismatch(value: Json, expected: string, place: Place): DecodeError {
  const got = Array.isArray(value)
    ? 'array'
    : value === null
      ? 'null'
      : typeof value === 'boolean'
        ? 'bool'
        : typeof value === 'number' && expected.startsWith('int')
          ? `number ${value}`
          : typeof value;
  const into = place.owner === '' ? 'value' : `struct field ${place.owner}.${place.goPath}`;
  const kind = got.startsWith('number') ? 'int64' : got;
  const conversion = expected.startsWith('[]')
    ? `cannot restore slice from ${kind}`
    : expected.startsWith('map[')
      ? `cannot restore map from ${kind}`
      : expected.startsWith('v1.')
        ? `cannot restore struct from: ${kind}`
        : `unrecognized type: ${expected}`;
  return new DecodeError(`json: cannot unmarshal ${got} into Go ${into} of type ${expected}`, conversion);
}

/** A type as Go names it in messages. */
function goType(type: SchemaType): string {
  switch (type.type) {
    case 'struct':
      return `v1.${type.name}`;
    case 'list':
      return `[]${goType(type.items)}`;
    case 'map':
      return `map[string]${goType(type.values)}`;
    case 'scalar':
      return type.scalar;
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
