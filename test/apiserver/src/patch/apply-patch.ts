// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, isJsonObject, type Json, type JsonObject } from '../api/objects.ts';
import { badRequest, StatusError, unsupportedMediaType } from '../api/status.ts';

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
}

/**
 * The object that a patch makes of `live` (`undefined`: apply may create). Pure. Throws StatusError: 400 for a patch that
 * cannot be read, 422 for a JSON patch whose `test` fails, 409 for apply conflicts.
 * `kind` is `group/Kind` (`/Service`, `apps/Deployment`).
 */
export function applyPatch(
  kind: string,
  type: PatchType,
  live: ApiObject | undefined,
  body: Json,
  options: PatchOptions,
): ApiObject {
  void kind;
  void options;
  if (type === 'application/json-patch+json') {
    if (!Array.isArray(body)) throw badRequest('a JSON patch is an array of operations');
    return asObject(applyJsonPatch(live ?? null, body));
  }
  if (!PATCH_TYPES.includes(type)) throw unsupportedMediaType(PATCH_TYPES);
  return asObject(mergePatch(live, body));
}

function asObject(value: Json): ApiObject {
  if (!isJsonObject(value)) throw badRequest('the patch does not make an object');
  return { ...value, metadata: isJsonObject(value['metadata']) ? value['metadata'] : {} };
}

/** RFC 7386. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const result: Record<string, Json | undefined> = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (value !== undefined) result[key] = mergePatch(result[key], value);
  }
  return result as JsonObject;
}

function applyJsonPatch(target: Json, operations: readonly Json[]): Json {
  let result: Json = target;
  for (const operation of operations) {
    if (!isJsonObject(operation)) throw badRequest('an operation of a JSON patch is an object');
    result = applyOperation(result, operation);
  }
  return result;
}

function applyOperation(target: Json, operation: JsonObject): Json {
  const path = pointer(operation['path']);
  switch (operation['op']) {
    case 'add':
      return edit(target, path, operation['value'] ?? null, 'add');
    case 'replace':
      return edit(target, path, operation['value'] ?? null, 'replace');
    case 'remove':
      return edit(target, path, undefined, 'replace');
    default:
      throw badRequest(`unsupported JSON patch operation ${JSON.stringify(operation['op'])}`);
  }
}

function pointer(value: Json | undefined): string[] {
  if (typeof value !== 'string') throw badRequest('an operation of a JSON patch needs a path');
  return value
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function edit(target: Json, path: readonly string[], value: Json | undefined, mode: 'add' | 'replace'): Json {
  const [head, ...rest] = path;
  if (head === undefined) return value ?? null;
  if (Array.isArray(target)) {
    const copy: Json[] = [...target];
    const index = head === '-' ? copy.length : Number(head);
    if (rest.length > 0) copy[index] = edit(copy[index] ?? null, rest, value, mode);
    else if (value === undefined) copy.splice(index, 1);
    else copy.splice(index, mode === 'add' ? 0 : 1, value);
    return copy;
  }
  if (!isJsonObject(target)) {
    throw new StatusError(422, 'Invalid', `the path ${JSON.stringify(path)} does not exist`);
  }
  const copy: Record<string, Json | undefined> = { ...target };
  if (rest.length > 0) copy[head] = edit(copy[head] ?? null, rest, value, mode);
  else if (value === undefined) delete copy[head];
  else copy[head] = value;
  return copy;
}
