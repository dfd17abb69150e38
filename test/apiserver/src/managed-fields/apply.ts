// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  isJsonObject,
  type Json,
  jsonEqual,
  objectOf,
  stringOf,
  withMeta,
} from '../api/objects.ts';
import { badRequest, StatusError } from '../api/status.ts';
import { schemaOf } from '../schema/kinds.ts';
import type { StructType } from '../schema/types.ts';
import { difference, EMPTY, type FieldSet, intersection, isEmpty, union, withoutTrees } from './field-set.ts';
import { resetFields, withoutServerFields } from './ignored.ts';
import { decodeManagers, encodeManagers, type Manager, type Managers, managerKey } from './managers.ts';
import { base, limit, plain, settle, type Writer } from './track.ts';
import {
  checkTyped,
  compare,
  fieldSetOf,
  mergeTyped,
  removePaths,
  TypedError,
  withNamedFields,
} from './typed.ts';

/** Owner of everything in an object that nobody was recorded for when it was first applied. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

/**
 * Server-side apply: `config` laid over the live object (`undefined`: there is none), fields that this manager applied
 * before and no longer applies removed, `metadata.managedFields` brought up to date. The very same `live` object comes
 * back when nothing changes. Throws StatusError: 409 for fields that others own (unless `force`), 400 and 500 as the real
 * server for a body that does not fit.
 */
export function serverSideApply(
  kind: string,
  live: ApiObject | undefined,
  config: Json,
  writer: Writer,
  force: boolean,
): ApiObject {
  const schema = schemaOf(kind);
  if (schema === undefined) throw new StatusError(500, '', `${kind} has no schema to apply by`);
  const applied = checkConfig(kind, config, schema);
  const known = decodeManagers(live?.metadata.managedFields) ?? new Map<string, Manager>();
  const ignored = resetFields(kind, writer.subresource);
  const apiVersion = stringOf(applied.apiVersion);
  const managers = withFirstOwner(known, live, schema, ignored, apiVersion);
  const identity: Omit<Manager, 'fields' | 'time'> = {
    name: writer.manager,
    operation: 'Apply',
    apiVersion,
    subresource: writer.subresource,
  };
  const key = managerKey(identity);
  const last = managers.get(key)?.fields ?? EMPTY;
  const everything = withoutTrees(fieldSetOf(applied, schema), ignored);
  const time = managers.get(key)?.time ?? '';
  const withOwn = new Map(managers).set(key, { ...identity, fields: everything, time });
  const own: Manager = { ...identity, fields: withoutServerFields(everything, withoutTrees), time };

  const liveValue = base(live, schema);
  const merged = mergeTyped(liveValue, applied, schema);
  const pruned = isEmpty(last) ? merged : prune(merged, schema, last, withOwn);
  const changes = limit(compare(liveValue, pruned, schema), ignored);
  const result = new Map<string, Manager>(settle(withOwn, key, changes, force)).set(key, own);
  const list = encodeManagers(result, known, writer.now);
  const object = objectOf(pruned);
  const next: ApiObject = { ...object, metadata: objectOf(object.metadata) };
  const complete = withMeta(next, { managedFields: list });
  return live !== undefined && jsonEqual(complete, live) ? live : complete;
}

/** Body of an apply as an object, or a StatusError with the real server's words. */
function checkConfig(kind: string, config: Json, schema: StructType): ApiObject {
  if (!isJsonObject(config)) throw badRequest('error decoding YAML: the body is not an object');
  const [group = '', name = ''] = kind.split('/');
  const apiVersion = stringOf(config.apiVersion);
  const given = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  const what = `${given}, Kind=${stringOf(config.kind)}`;
  if (config.kind !== name || given !== `${group}/v1`) throw badRequest(`invalid object type: ${what}`);
  const metadata = objectOf(config.metadata);
  if (metadata.managedFields !== undefined && metadata.managedFields !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const applied: ApiObject = { ...config, metadata };
  try {
    checkTyped(applied, schema);
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    const about = `${stringOf(metadata.namespace)}/${stringOf(metadata.name)}; ${what}`;
    throw new StatusError(500, '', `failed to create typed patch object (${about}): ${error.message}`);
  }
  return applied;
}

function withFirstOwner(
  known: Managers,
  live: ApiObject | undefined,
  schema: StructType,
  ignored: FieldSet,
  apiVersion: string,
): Managers {
  if (live === undefined || known.size > 0) return known;
  const created = compare(base(undefined, schema), plain(live), schema);
  const first: Manager = {
    name: BEFORE_FIRST_APPLY,
    operation: 'Update',
    apiVersion,
    subresource: '',
    time: '',
    fields: withoutServerFields(withoutTrees(union(created.added, created.modified), ignored), withoutTrees),
  };
  return new Map([[managerKey(first), first]]);
}

/** Takes out what this manager applied last time and neither it nor anyone else has now. */
function prune(merged: Json, schema: StructType, last: FieldSet, managers: Managers): Json {
  const named = (set: FieldSet): FieldSet => withNamedFields(set, schema);
  const mergedSet = named(fieldSetOf(merged, schema));
  const removed = removePaths(merged, schema, named(last));
  const removedSet = named(fieldSetOf(removed, schema));
  const owned = [...managers.values()].reduce((set, manager) => union(set, manager.fields), EMPTY);
  const unowned = difference(difference(mergedSet, removedSet), named(owned));
  const withOwned = removePaths(merged, schema, unowned);
  const ownedSet = named(fieldSetOf(withOwned, schema));
  return removePaths(merged, schema, intersection(difference(mergedSet, ownedSet), named(last)));
}
