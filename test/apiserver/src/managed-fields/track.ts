// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  isJsonObject,
  type Json,
  type JsonObject,
  stringOf,
  withMeta,
} from '../api/objects.ts';
import { StatusError } from '../api/status.ts';
import { decode } from '../schema/decode.ts';
import { schemaOf } from '../schema/kinds.ts';
import type { StructType } from '../schema/types.ts';
import {
  difference,
  EMPTY,
  type FieldSet,
  intersection,
  isEmpty,
  paths,
  pathText,
  union,
  withoutTrees,
} from './field-set.ts';
import { resetFields, withoutServerFields } from './ignored.ts';
import { decodeManagers, encodeManagers, type Manager, type Managers, managerKey } from './managers.ts';
import { type Comparison, compare } from './typed.ts';

/** Who writes. */
export interface Writer {
  /** Name of the manager: `fieldManager`, or the first word of the user agent. */
  readonly manager: string;
  /** `''` or `status`, `scale`, ... */
  readonly subresource: string;
  readonly now: Date;
}

/**
 * The object with `metadata.managedFields` brought up to date for a create (`live` undefined), an update or a patch that
 * is not an apply. Runs after decoding and defaulting and before the kind's strategy, so that what the server allocates
 * belongs to nobody. Kinds without a schema are returned as they are.
 */
export function trackUpdate(
  kind: string,
  live: ApiObject | undefined,
  next: ApiObject,
  writer: Writer,
): ApiObject {
  const schema = schemaOf(kind);
  if (schema === undefined) return next;
  const sent = next.metadata.managedFields;
  const before = decodeManagers(live?.metadata.managedFields) ?? new Map<string, Manager>();
  const given = writer.subresource === '' ? decodeManagers(sent) : undefined;
  const known = given === undefined || given.size === 0 ? before : given;
  const managers: Managers = isReset(sent) ? new Map() : known;
  // Whoever's object nobody is recorded for is not followed, until somebody applies to it.
  if (live !== undefined && managers.size === 0) return withoutManagers(next);
  const identity: Omit<Manager, 'fields' | 'time'> = {
    name: writer.manager,
    operation: 'Update',
    apiVersion: stringOf(next.apiVersion),
    subresource: writer.subresource,
  };
  const ignored = resetFields(kind, writer.subresource);
  const changes = limit(compare(base(live, schema), plain(next), schema), ignored);
  const key = managerKey(identity);
  const others = settle(managers, key, changes, true);
  const own = difference(
    union(managers.get(key)?.fields ?? EMPTY, union(changes.added, changes.modified)),
    changes.removed,
  );
  const fields = withoutServerFields(withoutTrees(own, ignored), withoutTrees);
  const result = new Map(others);
  result.set(key, { ...identity, fields, time: managers.get(key)?.time ?? '' });
  const list = encodeManagers(result, managers, writer.now);
  return withMeta(next, { managedFields: list });
}

function withoutManagers(object: ApiObject): ApiObject {
  return withMeta(object, { managedFields: undefined });
}

/** `managedFields: [{}]`, or an empty list, asks for forgetting who owns what. */
function isReset(list: Json | undefined): boolean {
  if (!Array.isArray(list) || list.length > 1) return false;
  const entry: Json | undefined = list[0];
  return entry === undefined || (isJsonObject(entry) && Object.keys(entry).length === 0);
}

/** Value to compare with: the live object, or what an empty object of this kind looks like. */
export function base(live: ApiObject | undefined, schema: StructType): Json {
  return live === undefined ? decode(schema, {}).object : plain(live);
}

/** The object without managedFields. */
export function plain(object: JsonObject): JsonObject {
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  const { managedFields: _managed, ...rest } = metadata;
  return { ...object, metadata: rest };
}

/** The changes without those below ignored fields. */
export function limit(changes: Comparison, ignored: FieldSet): Comparison {
  return {
    added: withoutTrees(changes.added, ignored),
    modified: withoutTrees(changes.modified, ignored),
    removed: withoutTrees(changes.removed, ignored),
  };
}

/**
 * What the changes leave to the other managers. Without `force` a change to a field that another manager owns is a
 * conflict: StatusError 409.
 */
export function settle(managers: Managers, own: string, changes: Comparison, force: boolean): Managers {
  const touched = union(changes.added, changes.modified);
  const result = new Map<string, Manager>();
  const conflicts: { manager: Manager; fields: FieldSet }[] = [];
  for (const [key, manager] of managers) {
    if (key === own) continue;
    const fields = intersection(manager.fields, touched);
    if (!isEmpty(fields)) conflicts.push({ manager, fields });
    result.set(key, { ...manager, fields: difference(difference(manager.fields, fields), changes.removed) });
  }
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);
  return result;
}

function conflictError(conflicts: readonly { manager: Manager; fields: FieldSet }[]): StatusError {
  const sorted = [...conflicts].sort((a, b) => (managerKey(a.manager) < managerKey(b.manager) ? -1 : 1));
  const causes = sorted.flatMap(({ manager, fields }) =>
    [...paths(fields)].map((path) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${describe(manager)}`,
      field: pathText(path),
    })),
  );
  const only = causes[0];
  if (causes.length === 1 && only !== undefined) {
    return conflict(`Apply failed with 1 conflict: ${only.message}: ${only.field}`, causes);
  }
  const parts = sorted.map(({ manager, fields }) => {
    const list = [...paths(fields)].map((path) => `- ${pathText(path)}`);
    return `conflicts with ${describe(manager)}:\n${list.join('\n')}`;
  });
  return conflict(`Apply failed with ${causes.length} conflicts: ${parts.join('\n')}`, causes);
}

function conflict(
  message: string,
  causes: { reason: string; message: string; field: string }[],
): StatusError {
  return new StatusError(409, 'Conflict', message, { causes });
}

function describe(manager: Manager): string {
  if (manager.operation === 'Apply') return JSON.stringify(manager.name);
  const subresource =
    manager.subresource === '' ? '' : ` with subresource ${JSON.stringify(manager.subresource)}`;
  return `${JSON.stringify(manager.name)}${subresource} using ${manager.apiVersion}`;
}
