// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import type { ApiObject, Json } from '../api/objects.ts';
import { StatusError } from '../api/status.ts';
import { contentType, parseJson, readBody } from '../http/body.ts';
import { decodeProtobuf, PROTOBUF_TYPE } from '../protobuf/decode.ts';
import { kindKey, type ResourceDefinition } from '../resources/definition.ts';
import { decodeBody, type FieldValidation, fieldValidationOf } from '../schema/decode-body.ts';

const JSON_TYPES = new Set(['application/json', 'text/json', 'text/plain', '*/*', '']);

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
  const options = request.method === 'PUT' ? 'UpdateOptions' : 'CreateOptions';
  return decodeObject(definition, value, fieldValidationOf(query.get('fieldValidation'), options), warn);
}

/** Checks kind and fields of an object in the request's version, and brings it into the stored one. */
export function decodeObject(
  definition: ResourceDefinition,
  value: Json,
  validation: FieldValidation,
  warn: (text: string) => void,
): ApiObject {
  const object = decodeBody(kindKey(definition), definition.version, value, validation, warn);
  return definition.view ? definition.view.toStored(object) : object;
}
