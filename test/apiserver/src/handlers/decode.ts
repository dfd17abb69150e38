// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import { type ApiObject, isJsonObject, type Json, type JsonObject } from '../api/objects.ts';
import { badRequest, StatusError } from '../api/status.ts';
import { contentType, parseJson, readBody } from '../http/body.ts';
import { decodeProtobuf, PROTOBUF_TYPE } from '../protobuf/decode.ts';
import { groupVersionOf, kindKey, type ResourceDefinition } from '../resources/definition.ts';
import { DecodeError, decode } from '../schema/decode.ts';
import { schemaOf } from '../schema/kinds.ts';

const JSON_TYPES = new Set(['application/json', 'text/json', 'text/plain', '*/*', '']);

/** What to do with fields that the kind does not have (`fieldValidation`). */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** Reads the parameter; `Warn` is what the real server does when nothing is said. */
export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') ?? '';
  if (value === '' || value === 'Warn') return 'Warn';
  if (value === 'Ignore' || value === 'Strict') return value;
  throw badRequest(
    `fieldValidation: Unsupported value: ${JSON.stringify(value)}: supported values: "", "Ignore", "Strict", "Warn"`,
  );
}

/** Reads a body of any kind, in JSON or Protobuf. Throws 415 for another media type. */
export async function readJson(request: IncomingMessage, what: string): Promise<Json> {
  const type = contentType(request);
  if (type === PROTOBUF_TYPE) {
    const body = await readBody(request);
    return body.length === 0 ? null : decodeProtobuf(body, what);
  }
  if (!JSON_TYPES.has(type)) {
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: application/json, ${PROTOBUF_TYPE}; got ${type}`,
    );
  }
  const text = (await readBody(request)).toString('utf8');
  return text === '' ? null : parseJson(text, what);
}

/** Reads the object of a create or update: right kind, known fields, right types. */
export async function readObject(
  request: IncomingMessage,
  definition: ResourceDefinition,
  query: URLSearchParams,
  warn: (text: string) => void,
): Promise<ApiObject> {
  const value = await readJson(request, definition.kind);
  return decodeObject(definition, value, fieldValidationOf(query), warn);
}

/** Checks kind and fields of an object in the request's version, and brings it into the stored one. */
export function decodeObject(
  definition: ResourceDefinition,
  value: Json,
  validation: FieldValidation,
  warn: (text: string) => void,
): ApiObject {
  if (!isJsonObject(value)) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${definition.kind}): expected a JSON object, got ${JSON.stringify(value)}`,
    );
  }
  requireKind(definition, value);
  const decoded = applySchema(definition, value, validation, warn);
  const object: ApiObject = {
    ...decoded,
    apiVersion: groupVersionOf(definition),
    kind: definition.kind,
    metadata: isJsonObject(decoded.metadata) ? decoded.metadata : {},
  };
  return definition.view ? definition.view.toStored(object) : object;
}

function requireKind(definition: ResourceDefinition, value: JsonObject): void {
  const wanted = groupVersionOf(definition);
  const { apiVersion = wanted, kind = definition.kind } = value;
  if (kind !== definition.kind) {
    throw badRequest(
      `${String(kind)} in version ${JSON.stringify(apiVersion)} cannot be handled as a ${definition.kind}: expected kind ${definition.kind}`,
    );
  }
  if (apiVersion !== wanted) {
    throw badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${wanted})`,
    );
  }
}

function applySchema(
  definition: ResourceDefinition,
  value: JsonObject,
  validation: FieldValidation,
  warn: (text: string) => void,
): JsonObject {
  const schema = schemaOf(kindKey(definition));
  if (schema === undefined) return value;
  const refuse = (why: string): never => {
    throw badRequest(
      `${definition.kind} in version ${JSON.stringify(definition.version)} cannot be handled as a ${definition.kind}: ${why}`,
    );
  };
  try {
    const { object, unknownFields } = decode(schema, value);
    const texts = unknownFields.map((field) => `unknown field ${JSON.stringify(field)}`);
    if (validation === 'Strict' && texts.length > 0) refuse(`strict decoding error: ${texts.join(', ')}`);
    if (validation === 'Warn') for (const text of texts) warn(text);
    return object;
  } catch (error) {
    if (error instanceof DecodeError) return refuse(error.message);
    throw error;
  }
}
