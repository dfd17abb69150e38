// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, isJsonObject, type Json, type JsonObject, stringOf } from '../api/objects.ts';
import { badRequest, StatusError, unsupportedMediaType } from '../api/status.ts';
import { serverSideApply } from '../managed-fields/apply.ts';
import { DecodeError } from '../schema/decode.ts';
import { decodeChecked, type FieldValidation, kindMismatch } from '../schema/decode-body.ts';
import { schemaOf } from '../schema/kinds.ts';
import { goText } from './errors.ts';
import { applyJsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';

/** The patch content types of the Kubernetes API. */
export const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;
export type PatchType = (typeof PATCH_TYPES)[number];

/** Who patches and how hard. */
export interface PatchOptions {
  /** `fieldManager` query parameter; required for apply. */
  readonly fieldManager?: string;
  /** Apply only: take fields over from other managers instead of a 409. */
  readonly force: boolean;
  /** Time for `managedFields[].time`. */
  readonly now: Date;
  /** `''` or `status`, `scale`: recorded in managedFields. */
  readonly subresource: string;
  /** `fieldValidation` query parameter; unknown fields are told to `warn`, refused or dropped. `Warn` by default. */
  readonly fieldValidation?: FieldValidation;
  readonly warn?: (text: string) => void;
}

/**
 * The object that a patch makes of `live` (`undefined`: apply may create). Pure. Throws StatusError: 400 for a patch that
 * cannot be read, 422 for a JSON patch that does not fit or a result of wrong types, 409 for apply conflicts.
 * `kind` is `group/Kind` (`/Service`, `apps/Deployment`).
 */
export function applyPatch(
  kind: string,
  type: PatchType,
  live: ApiObject | undefined,
  body: Json,
  options: PatchOptions,
): ApiObject {
  switch (type) {
    case 'application/json-patch+json': {
      const result = applyJsonPatch(live ?? null, body);
      return decoded(kind, result, () => JSON.stringify(result), options);
    }
    case 'application/merge-patch+json': {
      if (!isJsonObject(body)) throw notAnObject(body, 'error decoding patch: ');
      const result = mergePatch(live, body);
      return decoded(kind, result, () => JSON.stringify(result), options);
    }
    case 'application/strategic-merge-patch+json':
      if (!isJsonObject(body)) throw notAnObject(body, '');
      return decoded(
        kind,
        strategicMergePatch(live, body, schemaOf(kind)),
        () => goText(body),
        options,
        true,
      );
    case 'application/apply-patch+yaml': {
      if (options.fieldManager === undefined || options.fieldManager === '') throw managerRequired();
      const writer = { manager: options.fieldManager, subresource: options.subresource, now: options.now };
      return decoded(
        kind,
        serverSideApply(kind, live, body, writer, options.force),
        () => goText(body),
        options,
      );
    }
    default:
      throw unsupportedMediaType(PATCH_TYPES);
  }
}

/** The patched object as its kind's schema keeps it. */
function decoded(
  kind: string,
  value: Json,
  shown: () => string,
  options: PatchOptions,
  strategic = false,
): ApiObject {
  if (!isJsonObject(value)) throw badRequest('the patch does not make an object');
  const [group = '', name = ''] = kind.split('/');
  const apiVersion = group === '' ? 'v1' : `${group}/v1`;
  try {
    const mismatch = kindMismatch(
      kind,
      apiVersion,
      kindOf(value, 'kind', name),
      kindOf(value, 'apiVersion', apiVersion),
    );
    if (mismatch !== undefined) throw new DecodeError(mismatch);
    return withMetadata(decodeChecked(kind, value, options.fieldValidation ?? 'Warn', options.warn));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const why = strategic ? error.conversionMessage : error.message;
    const message = `Invalid value: ${JSON.stringify(shown())}: ${why}`;
    throw new StatusError(422, 'Invalid', ` "" is invalid: patch: ${message}`, {
      causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }],
    });
  }
}

function kindOf(value: JsonObject, key: string, fallback: string): string {
  return stringOf(value[key]) || fallback;
}

function withMetadata(object: JsonObject): ApiObject {
  return { ...object, metadata: isJsonObject(object.metadata) ? object.metadata : {} };
}

function notAnObject(body: Json, prefix: string): StatusError {
  const name = Array.isArray(body) ? 'array' : typeof body === 'boolean' ? 'bool' : typeof body;
  return badRequest(`${prefix}json: cannot unmarshal ${name} into Go value of type map[string]interface {}`);
}

function managerRequired(): StatusError {
  const message = 'Required value: is required for apply patch';
  return new StatusError(422, 'Invalid', `PatchOptions.meta.k8s.io "" is invalid: fieldManager: ${message}`, {
    group: 'meta.k8s.io',
    kind: 'PatchOptions',
    causes: [{ reason: 'FieldValueRequired', message, field: 'fieldManager' }],
  });
}
