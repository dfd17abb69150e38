// SPDX-License-Identifier: Apache-2.0
import { arrayOf, isJsonObject, type Json, type JsonObject } from '../api/objects.ts';
import { badRequest } from '../api/status.ts';
import type { Field, SchemaType } from '../schema/types.ts';
import { goText, unreadable } from './errors.ts';
import { mergeList, orderList, removeScalars } from './strategic-lists.ts';

/** Kubernetes' own directives inside a strategic merge patch. */
const PATCH_DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM = '$deleteFromPrimitiveList/';
const ELEMENT_ORDER = '$setElementOrder/';

/**
 * Strategic merge patch: like RFC 7386, but lists that the schema marks are merged by key, and directives in the patch
 * can delete or replace elements, order lists and clear the other members of a union.
 * Throws StatusError 500 for a patch that contradicts itself, as the real server does.
 */
export function strategicMergePatch(
  target: JsonObject | undefined,
  patch: JsonObject,
  schema: SchemaType | undefined,
): JsonObject {
  const directive = patch[PATCH_DIRECTIVE];
  if (directive === 'replace') return without(patch, PATCH_DIRECTIVE);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw unreadable(`unknown patch type: ${String(directive)} in map: ${goText(patch)}`);
  }
  const result: Record<string, Json | undefined> = { ...retained(target ?? {}, patch) };
  for (const name of fieldsOf(patch)) patchField(result, name, patch, fieldOf(schema, name));
  return result as JsonObject;
}

/** Names of the fields that a patch speaks about, in its own keys or in directives. */
function fieldsOf(patch: JsonObject): ReadonlySet<string> {
  const names = new Set<string>();
  for (const key of Object.keys(patch)) {
    if (key.startsWith(DELETE_FROM)) names.add(key.slice(DELETE_FROM.length));
    else if (key.startsWith(ELEMENT_ORDER)) names.add(key.slice(ELEMENT_ORDER.length));
    else if (key !== PATCH_DIRECTIVE && key !== RETAIN_KEYS) names.add(key);
  }
  return names;
}

function patchField(
  result: Record<string, Json | undefined>,
  name: string,
  patch: JsonObject,
  field: Pick<Field, 'type' | 'merge'> | undefined,
): void {
  const deletions = patch[DELETE_FROM + name];
  if (deletions !== undefined) result[name] = removeScalars(arrayOf(result[name]), arrayOf(deletions));
  const present = result[name];
  const value = patch[name];
  const order = patch[ELEMENT_ORDER + name];
  if (value === null) {
    delete result[name];
  } else if (value !== undefined && (present === undefined || present === null)) {
    result[name] = withoutNulls(value);
  } else if (Array.isArray(value) && Array.isArray(present) && field?.merge !== undefined) {
    const items = field.type.type === 'list' ? field.type.items : undefined;
    result[name] = mergeList(present, value, order === undefined ? undefined : arrayOf(order), {
      key: field.merge.key,
      mergeItem: (item, change) => strategicMergePatch(item, change, items),
    });
  } else if (isJsonObject(value) && isJsonObject(present)) {
    result[name] = strategicMergePatch(present, value, field?.type);
  } else if (value !== undefined) {
    result[name] = value;
  } else if (order !== undefined && Array.isArray(present)) {
    result[name] = orderList(present, arrayOf(order), present, field?.merge?.key);
  }
}

/** What `$retainKeys` leaves of the target; without the directive all of it. */
function retained(target: JsonObject, patch: JsonObject): JsonObject {
  const keep = patch[RETAIN_KEYS];
  if (keep === undefined) return target;
  const names = new Set(arrayOf(keep));
  for (const name of fieldsOf(patch)) {
    if (patch[name] !== null && patch[name] !== undefined && !names.has(name)) {
      throw badRequest('invalid patch format of retainKeys');
    }
  }
  return Object.fromEntries(Object.entries(target).filter(([name]) => names.has(name)));
}

function fieldOf(schema: SchemaType | undefined, name: string): Pick<Field, 'type' | 'merge'> | undefined {
  if (schema?.type === 'struct') return schema.fields.get(name);
  if (schema?.type === 'map') return { type: schema.values, merge: undefined };
  return undefined;
}

/** A value that is new to the target: `null`s and deletions in it have nothing to remove. */
function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) {
    const items: readonly Json[] = value;
    return items
      .filter((item) => !isJsonObject(item) || item[PATCH_DIRECTIVE] === undefined)
      .map(withoutNulls);
  }
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).filter(([key, item]) => item !== null && !key.startsWith('$'));
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutNulls(item ?? null)]));
}

function without(object: JsonObject, key: string): JsonObject {
  const { [key]: _removed, ...rest } = object;
  return rest;
}
