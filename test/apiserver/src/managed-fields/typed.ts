// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json, type JsonObject, jsonEqual } from '../api/objects.ts';
import type { ListType, SchemaType } from '../schema/types.ts';
import { EMPTY, type FieldSet, LEAF, node, pathText } from './field-set.ts';

/** A value does not fit the schema; `message` starts with the path: `.spec.zoo: field not declared in schema`. */
export class TypedError extends Error {
  constructor(path: string, message: string) {
    super(`${path}: ${message}`);
    this.name = 'TypedError';
  }
}

/** A child of an object or of a keyed list: path element, value, type. */
export interface Child {
  readonly element: string;
  readonly value: Json;
  readonly type: SchemaType | undefined;
  /** True for a field of a struct (not for map entries and list elements). */
  readonly named: boolean;
}

/** The children that have owners of their own; `undefined` when the value is owned as a whole. */
export function childrenOf(
  value: Json | undefined,
  type: SchemaType | undefined,
): readonly Child[] | undefined {
  if (type === undefined) return undefined;
  if (Array.isArray(value)) {
    if (type.type !== 'list' || type.topology === 'atomic') return undefined;
    return value.map((item: Json) => ({
      element: listElement(item, type),
      value: item,
      type: type.items,
      named: false,
    }));
  }
  if (!isJsonObject(value) || type.type === 'scalar' || type.type === 'list' || type.atomic) return undefined;
  const children: Child[] = [];
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const field = type.type === 'struct' ? type.fields.get(name)?.type : type.values;
    children.push({ element: `f:${name}`, value: item, type: field, named: type.type === 'struct' });
  }
  return children;
}

/** Values that key fields have when they are left out: a port without a protocol is a TCP port. */
const KEY_DEFAULTS: Readonly<Record<string, Json>> = { protocol: 'TCP' };

/** Path element of a list's element: `k:{"port":80,"protocol":"TCP"}` or `v:"x"`. */
export function listElement(item: Json, type: ListType): string {
  if (type.topology === 'set') return `v:${JSON.stringify(item)}`;
  const keys: Record<string, Json> = {};
  for (const key of [...type.keys].sort()) {
    const value = (isJsonObject(item) ? item[key] : undefined) ?? KEY_DEFAULTS[key];
    if (value !== undefined && value !== null) keys[key] = value;
  }
  return `k:${JSON.stringify(keys)}`;
}

function isEmptyValue(value: Json): boolean {
  if (value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Paths that a value sets: what an applier owns. */
export function fieldSetOf(value: Json, type: SchemaType): FieldSet {
  const children = childrenOf(value, type);
  if (children === undefined) return LEAF;
  return node(
    false,
    children.map((child): [string, FieldSet] => {
      const inner = child.type === undefined ? LEAF : fieldSetOf(child.value, child.type);
      const member = inner.member || isEmptyValue(child.value) || !child.named;
      return [child.element, { member, children: inner.children }];
    }),
  );
}

/** What changed between two values. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

const SAME: Comparison = { added: EMPTY, modified: EMPTY, removed: EMPTY };

/** Compares two values of a type; `undefined` is "not there", which `null` is not. */
export function compare(
  before: Json | undefined,
  after: Json | undefined,
  type: SchemaType | undefined,
): Comparison {
  const left = childrenOf(before, type);
  const right = childrenOf(after, type);
  const nothingInside = (left?.length ?? 0) === 0 && (right?.length ?? 0) === 0;
  const comparable =
    (left !== undefined || right !== undefined) &&
    (left !== undefined || before === undefined || before === null) &&
    (right !== undefined || after === undefined || after === null);
  if (!comparable || nothingInside) return compareLeaves(before, after);
  const before1 = new Map(left?.map((child) => [child.element, child]));
  const after1 = new Map(right?.map((child) => [child.element, child]));
  const added: [string, FieldSet][] = [];
  const modified: [string, FieldSet][] = [];
  const removed: [string, FieldSet][] = [];
  for (const element of new Set([...before1.keys(), ...after1.keys()])) {
    const a = before1.get(element);
    const b = after1.get(element);
    const inner = compare(a?.value, b?.value, b?.type ?? a?.type);
    added.push([element, inner.added]);
    modified.push([element, inner.modified]);
    removed.push([element, inner.removed]);
  }
  return {
    added: node(before === undefined, added),
    modified: node(false, modified),
    removed: node(after === undefined, removed),
  };
}

function compareLeaves(before: Json | undefined, after: Json | undefined): Comparison {
  if (before === undefined) return after === undefined ? SAME : { ...SAME, added: LEAF };
  if (after === undefined) return { ...SAME, removed: LEAF };
  return jsonEqual(before, after) ? SAME : { ...SAME, modified: LEAF };
}

/** `patch` laid over `live`: objects and keyed lists merge, sets unite, everything else is replaced. */
export function mergeTyped(
  live: Json | undefined,
  patch: Json | undefined,
  type: SchemaType | undefined,
): Json {
  if (patch === undefined) return live ?? null;
  if (live === undefined || live === null) return patch;
  const right = childrenOf(patch, type);
  if (right === undefined || childrenOf(live, type) === undefined) return patch;
  if (type?.type === 'list' && Array.isArray(live)) return mergeTypedList(live, right, type);
  if (!isJsonObject(live)) return patch;
  const result: Record<string, Json | undefined> = { ...live };
  for (const child of right) {
    const name = child.element.slice(2);
    result[name] = mergeTyped(result[name], child.value, child.type);
  }
  return result as JsonObject;
}

/**
 * Applied elements keep the order of the patch, others their place among their neighbours; of elements that both know,
 * the patch decides. (The order that structured merge produces; it is not the only sensible one.)
 */
function mergeTypedList(live: readonly Json[], right: readonly Child[], type: ListType): Json {
  const known = new Map(live.map((item) => [listElement(item, type), item]));
  const applied = new Map(right.map((child) => [child.element, child.value]));
  const left = [...known.keys()];
  const order = [...applied.keys()];
  const shared = order.filter((element) => known.has(element));
  const done = new Set<string>();
  const merged: Json[] = [];
  const take = (element: string): void => {
    if (done.has(element)) return;
    done.add(element);
    merged.push(mergeTyped(known.get(element), applied.get(element), type.items));
    if (shared[0] === element) shared.shift();
  };
  let at = 0;
  let next = 0;
  while (at < left.length || next < order.length) {
    const mine = left[at];
    const theirs = order[next];
    if (mine !== undefined && theirs !== undefined && mine === theirs) {
      take(mine);
      at += 1;
      next += 1;
    } else if (mine !== undefined && (done.has(mine) || isLater(mine, applied, shared, theirs))) {
      at += 1;
    } else if (mine !== undefined && !applied.has(mine)) {
      take(mine);
      at += 1;
    } else {
      if (theirs !== undefined) take(theirs);
      next += 1;
    }
  }
  return merged;
}

/** A shared element whose turn in the patch's order has not come. */
function isLater(
  element: string,
  applied: ReadonlyMap<string, Json>,
  shared: readonly string[],
  theirs: string | undefined,
): boolean {
  return theirs !== undefined && applied.has(element) && shared.length > 0 && shared[0] !== element;
}

/** The value without the paths of a set; emptied objects and lists become `null`. */
export function removePaths(value: Json, type: SchemaType | undefined, removed: FieldSet): Json {
  const children = childrenOf(value, type);
  if (children === undefined || removed.children.size === 0) return value;
  const kept: Child[] = [];
  for (const child of children) {
    const below = removed.children.get(child.element);
    if (below?.member === true) continue;
    kept.push(below === undefined ? child : { ...child, value: removePaths(child.value, child.type, below) });
  }
  if (kept.length === 0) return null;
  if (Array.isArray(value)) return kept.map((child) => child.value);
  return Object.fromEntries(kept.map((child) => [child.element.slice(2), child.value]));
}

/** The set with every named field on the way to a member made a member too. */
export function withNamedFields(set: FieldSet, type: SchemaType | undefined): FieldSet {
  const children = [...set.children].map(([element, child]): [string, FieldSet] => {
    const inner = withNamedFields(child, typeBelow(element, type));
    const member = inner.member || (type?.type === 'struct' && element.startsWith('f:'));
    return [element, { member, children: inner.children }];
  });
  return { member: set.member, children: new Map(children) };
}

function typeBelow(element: string, type: SchemaType | undefined): SchemaType | undefined {
  if (type?.type === 'struct') return type.fields.get(element.slice(2))?.type;
  if (type?.type === 'map') return type.values;
  return type?.type === 'list' ? type.items : undefined;
}

/** Throws TypedError when a value has unknown fields, twice the same key, or something of the wrong shape. */
export function checkTyped(value: Json, type: SchemaType, path = ''): void {
  if (value === null) return;
  switch (type.type) {
    case 'list':
      checkList(value, type, path);
      return;
    case 'map':
      if (!isJsonObject(value)) throw new TypedError(path, `expected map, got &{${String(value)}}`);
      for (const [key, item] of Object.entries(value))
        checkTyped(item ?? null, type.values, `${path}.${key}`);
      return;
    case 'struct':
      if (!isJsonObject(value)) throw new TypedError(path, `expected map, got &{${String(value)}}`);
      for (const [key, item] of Object.entries(value)) {
        const field = type.fields.get(key);
        if (field === undefined) throw new TypedError(`${path}.${key}`, 'field not declared in schema');
        checkTyped(item ?? null, field.type, `${path}.${key}`);
      }
      return;
    case 'scalar':
      checkScalar(value, type.scalar, path);
  }
}

function checkList(value: Json, type: ListType, path: string): void {
  if (!Array.isArray(value)) throw new TypedError(path, `expected list, got &{${String(value)}}`);
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    let where = `${path}[${index}]`;
    if (type.topology !== 'atomic') {
      const element = listElement(item, type);
      const text = pathText([element]);
      if (seen.has(element)) throw new TypedError(path, `duplicate entries for key ${text}`);
      seen.add(element);
      where = path + text;
    }
    checkTyped(item, type.items, where);
  }
}

function checkScalar(value: Json, scalar: string, path: string): void {
  const numeric = scalar === 'int32' || scalar === 'int64';
  const text = ['string', 'bytes', 'time', 'microtime'].includes(scalar);
  const shown = JSON.stringify(value);
  if (numeric && typeof value !== 'number')
    throw new TypedError(path, `expected numeric (int or float), got ${goKind(value)}`);
  if (text && typeof value !== 'string')
    throw new TypedError(path, `expected string, got &value.valueUnstructured{Value:${shown}}`);
  if (scalar === 'bool' && typeof value !== 'boolean')
    throw new TypedError(path, `expected boolean, got ${goKind(value)}`);
}

function goKind(value: Json): string {
  return typeof value === 'number' ? 'int' : typeof value;
}
