// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json } from '../api/objects.ts';
import { badRequest } from '../api/status.ts';
import type { PatchType } from '../patch/apply-patch.ts';
import { kindKey, type ResourceDefinition } from '../resources/definition.ts';
import { DecodeError, decode } from '../schema/decode.ts';
import { schemaOf } from '../schema/kinds.ts';
import { fieldValidationOf } from './decode.ts';

/**
 * Reports fields of a merge, strategic merge or apply patch that the kind does not have: an error under
 * `fieldValidation=Strict`, warnings otherwise. Directives such as `$patch` are no fields.
 */
export function checkPatchFields(
  definition: ResourceDefinition,
  type: PatchType,
  body: Json,
  query: URLSearchParams,
  warn: (text: string) => void,
): void {
  const validation = fieldValidationOf(query);
  const schema = schemaOf(kindKey(definition));
  if (validation === 'Ignore' || schema === undefined || !isJsonObject(body)) return;
  if (type === 'application/json-patch+json') return;
  let unknownFields: readonly string[];
  try {
    unknownFields = decode(schema, body).unknownFields;
  } catch (error) {
    // A patch alone may well not be decodable (directives in place of values); its result is checked later.
    if (error instanceof DecodeError) return;
    throw error;
  }
  const texts = unknownFields
    .filter((field) => !/(^|[.\]])\$/.test(field))
    .map((field) => `unknown field ${JSON.stringify(field)}`);
  if (texts.length === 0) return;
  if (validation === 'Strict')
    throw badRequest(`error decoding patch: strict decoding error: ${texts.join(', ')}`);
  for (const text of texts) warn(text);
}
