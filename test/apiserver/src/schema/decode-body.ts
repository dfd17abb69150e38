// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  isJsonObject,
  type Json,
  type JsonObject,
  objectOf,
  stringOf,
} from '../api/objects.ts';
import { badRequest, StatusError } from '../api/status.ts';
import { DecodeError, decode } from './decode.ts';
import { schemaOf } from './kinds.ts';

/** What happens to fields that a kind does not have (`fieldValidation` query parameter). */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** Reads the query parameter; `Warn` is the default. Throws StatusError 422 for anything else. */
export function fieldValidationOf(value: string | null, optionsKind: string): FieldValidation {
  if (value === null || value === '') return 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: "", "Ignore", "Strict", "Warn"`;
  throw new StatusError(
    422,
    'Invalid',
    `${optionsKind}.meta.k8s.io "" is invalid: fieldValidation: ${message}`,
    {
      group: 'meta.k8s.io',
      kind: optionsKind,
      causes: [{ reason: 'FieldValueNotSupported', message, field: 'fieldValidation' }],
    },
  );
}

/**
 * The object as its kind keeps it. Throws DecodeError for wrong types, and for unknown fields under `Strict`.
 * Kinds without a schema pass as they are.
 */
export function decodeChecked(
  kind: string,
  value: JsonObject,
  validation: FieldValidation,
  warn: ((text: string) => void) | undefined,
): JsonObject {
  const schema = schemaOf(kind);
  if (schema === undefined) return value;
  const { object, unknownFields } = decode(schema, value);
  const problems = unknownFields.map((field) => `unknown field ${JSON.stringify(field)}`);
  if (problems.length > 0 && validation === 'Strict') {
    throw new DecodeError(`strict decoding error: ${problems.join(', ')}`);
  }
  if (validation === 'Warn') for (const problem of problems) warn?.(problem);
  return object;
}

/**
 * The object in the body of a create or an update, with `kind` and `apiVersion` filled in. `kind` is `group/Kind`.
 * Throws StatusError 400 in the words of the real server when the body is of another kind or does not fit.
 */
export function decodeBody(
  kind: string,
  version: string,
  body: Json,
  validation: FieldValidation,
  warn: (text: string) => void,
): ApiObject {
  const [group = '', name = ''] = kind.split('/');
  if (!isJsonObject(body)) {
    throw badRequest(`the object provided is unrecognized (must be of type ${name}): it is no JSON object`);
  }
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const givenKind = stringOf(body.kind) || name;
  const givenVersion = stringOf(body.apiVersion) || apiVersion;
  const refuse = (why: string): StatusError =>
    badRequest(
      `${givenKind} in version ${JSON.stringify(versionOf(givenVersion))} cannot be handled as a ${name}: ${why}`,
    );
  const mismatch = kindMismatch(kind, apiVersion, givenKind, givenVersion);
  if (mismatch !== undefined) throw refuse(mismatch);
  try {
    const object = decodeChecked(kind, body, validation, warn);
    return { ...object, kind: name, apiVersion, metadata: objectOf(object.metadata) };
  } catch (error) {
    if (error instanceof DecodeError) throw refuse(error.message);
    throw error;
  }
}

/** Internal Go packages of the API groups, which messages name. */
const PACKAGES: Readonly<Record<string, string>> = {
  '': 'core',
  'discovery.k8s.io': 'discovery',
  'coordination.k8s.io': 'coordination',
  'rbac.authorization.k8s.io': 'rbac',
  'events.k8s.io': 'core',
};

/** What the real server says about an object of another kind than the one it is sent as. */
export function kindMismatch(
  kind: string,
  apiVersion: string,
  givenKind: string,
  givenVersion: string,
): string | undefined {
  const [group = '', name = ''] = kind.split('/');
  if (givenKind === name && givenVersion === apiVersion) return undefined;
  const [version = '', givenGroup = ''] = givenVersion.split('/').toReversed();
  if (schemaOf(`${givenGroup}/${givenKind}`) !== undefined && version === 'v1') {
    return `converting (v1.${givenKind}) to (${PACKAGES[group] ?? group}.${name}): unknown conversion`;
  }
  return `no kind ${JSON.stringify(givenKind)} is registered for version ${JSON.stringify(givenVersion)} in scheme "pkg/runtime/scheme.go:111"`;
}

/** `v1` of `apps/v1`. */
function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf('/') + 1);
}
