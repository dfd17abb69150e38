// SPDX-License-Identifier: Apache-2.0
import { arrayOf, formatTime, isJsonObject, type Json, type JsonObject, stringOf } from '../api/objects.ts';
import { type FieldSet, fromFieldsV1, isEmpty, sameSet, toFieldsV1 } from './field-set.ts';

/** One entry of `metadata.managedFields`. */
export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  /** As stored; `''` for an entry that was never written. */
  readonly time: string;
  readonly fields: FieldSet;
}

/** Managers of an object by identity. */
export type Managers = ReadonlyMap<string, Manager>;

/** Identity of a manager; one that applies is the same whatever version it applies. */
export function managerKey(
  manager: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>,
): string {
  const version = manager.operation === 'Apply' ? '' : manager.apiVersion;
  return JSON.stringify([manager.name, manager.operation, version, manager.subresource]);
}

/** Reads `metadata.managedFields`; `undefined` when an entry cannot be read. */
export function decodeManagers(list: Json | undefined): Managers | undefined {
  const managers = new Map<string, Manager>();
  for (const entry of arrayOf(list)) {
    if (!isJsonObject(entry)) return undefined;
    const operation = entry.operation;
    if (operation !== 'Apply' && operation !== 'Update') return undefined;
    if (entry.fieldsType !== 'FieldsV1' || stringOf(entry.apiVersion) === '') return undefined;
    const manager: Manager = {
      name: stringOf(entry.manager),
      operation,
      apiVersion: stringOf(entry.apiVersion),
      subresource: stringOf(entry.subresource),
      time: stringOf(entry.time),
      fields: fromFieldsV1(entry.fieldsV1),
    };
    managers.set(managerKey(manager), manager);
  }
  return managers;
}

/**
 * Writes `metadata.managedFields`: managers without fields are left out, and whoever's fields changed since `before`
 * gets the time `now`.
 */
export function encodeManagers(
  managers: Managers,
  before: Managers,
  now: Date,
): readonly JsonObject[] | undefined {
  const entries: Manager[] = [];
  for (const [key, manager] of managers) {
    if (isEmpty(manager.fields)) continue;
    const previous = before.get(key);
    const same = previous !== undefined && sameSet(previous.fields, manager.fields);
    // The real server writes no time for the scale sub-resource.
    const time = manager.subresource === 'scale' ? '' : formatTime(now);
    entries.push({ ...manager, time: same ? previous.time : time });
  }
  if (entries.length === 0) return undefined;
  entries.sort(byPlace);
  return entries.map((manager) => ({
    manager: manager.name,
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time === '' ? {} : { time: manager.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(manager.fields),
    ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
  }));
}

/** Appliers first, then by time, name, version and sub-resource. */
function byPlace(a: Manager, b: Manager): number {
  for (const key of ['operation', 'time', 'name', 'apiVersion', 'subresource'] as const) {
    if (a[key] !== b[key]) return a[key] < b[key] ? -1 : 1;
  }
  return 0;
}
