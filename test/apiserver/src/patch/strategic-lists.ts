// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json, type JsonObject, jsonEqual } from '../api/objects.ts';
import { goText, unreadable } from './errors.ts';

/** How the elements of a merged list are told apart and put together. */
export interface ListMerge {
  /** Field that names an element; `undefined` for a list of scalars. */
  readonly key: string | undefined;
  mergeItem(item: JsonObject, change: JsonObject): JsonObject;
}

/** One list merged into another; `order` is the patch's `$setElementOrder` list, when it has one. */
export function mergeList(
  present: readonly Json[],
  patch: readonly Json[],
  order: readonly Json[] | undefined,
  how: ListMerge,
): readonly Json[] {
  const changes =
    how.key === undefined ? scalarChanges(present, patch) : objectChanges(present, patch, how.key, how);
  if (changes.replaced) return changes.merged;
  return orderList(changes.merged, order ?? changes.patch, present, how.key);
}

interface Changes {
  readonly merged: readonly Json[];
  /** The patch without its directives: gives the order of what it names. */
  readonly patch: readonly Json[];
  readonly replaced: boolean;
}

function scalarChanges(present: readonly Json[], patch: readonly Json[]): Changes {
  const merged: Json[] = [];
  for (const item of [...present, ...patch])
    if (!merged.some((other) => jsonEqual(other, item))) merged.push(item);
  return { merged, patch, replaced: false };
}

function objectChanges(
  present: readonly Json[],
  patch: readonly Json[],
  key: string,
  how: ListMerge,
): Changes {
  const plain: Json[] = [];
  let merged = [...present];
  let replaced = false;
  for (const item of patch) {
    if (!isJsonObject(item)) throw unreadable(`map: ${goText(item)} is not an object`);
    const directive = item.$patch;
    if (directive === undefined) {
      plain.push(item);
    } else if (directive === 'replace') {
      replaced = true;
    } else if (directive === 'delete') {
      const value = keyOf(item, key);
      merged = merged.filter((other) => !isJsonObject(other) || !jsonEqual(other[key], value));
    } else {
      throw unreadable(`unknown patch type: ${String(directive)} in map: ${goText(item)}`);
    }
  }
  if (replaced) return { merged: plain, patch: plain, replaced };
  for (const item of plain) {
    if (!isJsonObject(item)) continue;
    const value = keyOf(item, key);
    const index = merged.findIndex((other) => isJsonObject(other) && jsonEqual(other[key], value));
    const found = merged[index];
    if (isJsonObject(found)) merged[index] = how.mergeItem(found, item);
    else merged.push(item);
  }
  return { merged, patch: plain, replaced };
}

function keyOf(item: JsonObject, key: string): Json {
  const value = item[key];
  if (value === undefined) {
    throw unreadable(`map: ${goText(item)} does not contain declared merge key: ${key}`);
  }
  return value;
}

/** The list without the scalars named in a `$deleteFromPrimitiveList` directive. */
export function removeScalars(list: readonly Json[], removed: readonly Json[]): readonly Json[] {
  return list.filter((item) => !removed.some((other) => jsonEqual(other, item)));
}

/**
 * Order of a merged list: what the patch names comes in the patch's order, the rest in the server's, and of two elements
 * the server knew, the earlier one first; a new element comes before the server's own.
 */
export function orderList(
  merged: readonly Json[],
  patchOrder: readonly Json[],
  serverOrder: readonly Json[],
  key: string | undefined,
): readonly Json[] {
  const position = (list: readonly Json[], item: Json): number =>
    list.findIndex((other) => jsonEqual(identity(other, key), identity(item, key)));
  const byOrder = (order: readonly Json[]) => (a: Json, b: Json) => position(order, a) - position(order, b);
  const named = merged.filter((item) => position(patchOrder, item) >= 0).sort(byOrder(patchOrder));
  const others = merged.filter((item) => position(patchOrder, item) < 0).sort(byOrder(serverOrder));
  const result: Json[] = [];
  let next = 0;
  for (const other of others) {
    while (
      next < named.length &&
      !isBefore(position(serverOrder, other), positionOf(named[next], serverOrder, position))
    ) {
      result.push(named[next] ?? null);
      next += 1;
    }
    result.push(other);
  }
  return [...result, ...named.slice(next)];
}

function positionOf(
  item: Json | undefined,
  order: readonly Json[],
  position: (list: readonly Json[], item: Json) => number,
): number {
  return item === undefined ? -1 : position(order, item);
}

/** True when both places are known and the first is earlier. */
function isBefore(a: number, b: number): boolean {
  return a >= 0 && b >= 0 && a < b;
}

function identity(item: Json, key: string | undefined): Json | undefined {
  return key !== undefined && isJsonObject(item) ? item[key] : item;
}
