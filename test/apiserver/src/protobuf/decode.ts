// SPDX-License-Identifier: Apache-2.0
import type { Json, JsonObject } from '../api/objects.ts';
import { badRequest } from '../api/status.ts';
import { schemaOf } from '../schema/kinds.ts';
import { parseTypes } from '../schema/parse.ts';
import { META_TYPES } from '../schema/tables/meta.ts';
import { SERVICE_TYPES } from '../schema/tables/service.ts';
import type { Scalar, SchemaType, StructType } from '../schema/types.ts';
import { FIELD_NUMBERS, type NumberedField } from './field-numbers.ts';
import { REQUEST_TYPES } from './request-types.ts';
import { readFields, WireError } from './wire.ts';

/** The media type of Kubernetes objects in Protobuf. */
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

const MAGIC = Buffer.from('k8s\0');
const REQUESTS = parseTypes(META_TYPES, SERVICE_TYPES, REQUEST_TYPES);

/** The type of the objects in requests that are answered and not stored. */
const REQUEST_NAMES: Readonly<Record<string, string>> = { Binding: 'BindingRequest' };

/**
 * Reads an object in the Protobuf encoding of Kubernetes (which kubectl since 1.32 sends for some commands) into the
 * form it has in JSON. Throws a 400 for anything else. `what` names the kind expected.
 */
export function decodeProtobuf(bytes: Buffer, what: string): JsonObject {
  const refuse = (why: string): never => {
    throw badRequest(`the object provided is unrecognized (must be of type ${what}): ${why}`);
  };
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    return refuse(
      `provided data does not appear to be a protobuf message, expected prefix ${MAGIC.toString('hex')}`,
    );
  }
  try {
    const envelope = readFields(bytes.subarray(MAGIC.length));
    const typeMeta = readFields(bytesOf(envelope.find(({ number }) => number === 1)?.value));
    const apiVersion = textOf(typeMeta.find(({ number }) => number === 1)?.value);
    const kind = textOf(typeMeta.find(({ number }) => number === 2)?.value);
    const struct = structOf(apiVersion, kind);
    if (struct === undefined)
      return refuse(`no Protobuf form of ${kind} in ${apiVersion} is known; send JSON`);
    const raw = bytesOf(envelope.find(({ number }) => number === 2)?.value);
    return { apiVersion, kind, ...decodeMessage(raw, struct, struct.name) };
  } catch (error) {
    if (error instanceof WireError) return refuse(error.message);
    throw error;
  }
}

function structOf(apiVersion: string, kind: string): StructType | undefined {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  return schemaOf(`${group}/${kind}`) ?? REQUESTS.get(REQUEST_NAMES[kind] ?? kind);
}

function decodeMessage(bytes: Uint8Array, struct: StructType, message: string): JsonObject {
  const numbers = FIELD_NUMBERS.get(message);
  const result: Record<string, Json> = {};
  for (const { number, value } of readFields(bytes)) {
    const field = numbers?.get(number);
    if (field !== undefined) addField(result, struct, field, value);
  }
  return result;
}

function addField(
  result: Record<string, Json>,
  struct: StructType,
  field: NumberedField,
  value: bigint | Uint8Array,
): void {
  if (field.embedded !== undefined) {
    Object.assign(result, decodeMessage(bytesOf(value), struct, field.embedded));
    return;
  }
  const type = struct.fields.get(field.name)?.type;
  if (type === undefined) return;
  if (type.type === 'list') {
    const list = result[field.name];
    result[field.name] = [...(Array.isArray(list) ? list : []), decodeValue(type.items, value)];
  } else if (type.type === 'map') {
    const [key, item] = decodeEntry(type.values, bytesOf(value));
    const map = result[field.name];
    result[field.name] = { ...(typeof map === 'object' ? map : {}), [key]: item };
  } else {
    result[field.name] = decodeValue(type, value);
  }
}

function decodeEntry(values: SchemaType, bytes: Uint8Array): [string, Json] {
  const fields = readFields(bytes);
  const key = textOf(fields.find(({ number }) => number === 1)?.value);
  const value = fields.find(({ number }) => number === 2)?.value ?? new Uint8Array();
  return [key, decodeValue(values, value)];
}

function decodeValue(type: SchemaType, value: bigint | Uint8Array): Json {
  switch (type.type) {
    case 'struct':
      return decodeMessage(bytesOf(value), type, type.name);
    case 'scalar':
      return decodeScalar(type.scalar, value);
    default:
      throw new WireError('a list of lists has no Protobuf form');
  }
}

function decodeScalar(scalar: Scalar, value: bigint | Uint8Array): Json {
  switch (scalar) {
    case 'string':
      return textOf(value);
    case 'int32':
    case 'int64':
      return integerOf(value);
    case 'bool':
      return integerOf(value) !== 0;
    case 'double':
      return typeof value === 'bigint' ? doubleOf(value) : 0;
    case 'bytes':
      return Buffer.from(bytesOf(value)).toString('base64');
    case 'quantity':
      return textOf(readFields(bytesOf(value)).find(({ number }) => number === 1)?.value);
    case 'intstr':
      return intOrString(bytesOf(value));
    case 'time':
    case 'microtime':
      return timeOf(bytesOf(value), scalar);
    case 'any':
      return freeJson(bytesOf(value));
  }
}

function bytesOf(value: bigint | Uint8Array | undefined): Uint8Array {
  if (typeof value === 'bigint') throw new WireError(`expected bytes, got the number ${value}`);
  return value ?? new Uint8Array();
}

function textOf(value: bigint | Uint8Array | undefined): string {
  return Buffer.from(bytesOf(value)).toString('utf8');
}

function integerOf(value: bigint | Uint8Array | undefined): number {
  if (value === undefined) return 0;
  if (typeof value !== 'bigint') throw new WireError('expected a number, got bytes');
  return Number(BigInt.asIntN(64, value));
}

function doubleOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

/** IntOrString: `{type: 0 int or 1 string, intVal, strVal}`. */
function intOrString(bytes: Uint8Array): Json {
  const fields = readFields(bytes);
  const of = (wanted: number) => fields.find(({ number }) => number === wanted)?.value;
  return integerOf(of(1)) === 1 ? textOf(of(3)) : integerOf(of(2));
}

/** Seconds and nanoseconds; an empty message is "no time". */
function timeOf(bytes: Uint8Array, scalar: 'time' | 'microtime'): Json {
  const fields = readFields(bytes);
  const of = (wanted: number) => integerOf(fields.find(({ number }) => number === wanted)?.value);
  const seconds = of(1);
  if (fields.length === 0 || seconds < 0) return null;
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (scalar === 'time') return `${whole}Z`;
  return `${whole}.${String(Math.floor(of(2) / 1000)).padStart(6, '0')}Z`;
}

/** FieldsV1 and the like: JSON text inside the message. */
function freeJson(bytes: Uint8Array): Json {
  const text = textOf(readFields(bytes).find(({ number }) => number === 1)?.value);
  try {
    return text === '' ? {} : (JSON.parse(text) as Json);
  } catch {
    throw new WireError('a free-form field holds no JSON');
  }
}
