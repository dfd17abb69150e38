// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json, type JsonObject } from '../api/objects.ts';

/**
 * A set of field paths as a tree. Path elements have the form of `fieldsV1`: `f:name` a field, `k:{"port":80}` an element
 * of a list told apart by keys, `v:"x"` an element of a set. `member` says that the path that ends here is in the set.
 */
export interface FieldSet {
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const EMPTY: FieldSet = { member: false, children: new Map() };
export const LEAF: FieldSet = { member: true, children: new Map() };

/** True when no path is in the set. */
export function isEmpty(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

/** Builds a node, dropping children without members. */
export function node(member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  return { member, children: new Map([...children].filter(([, child]) => !isEmpty(child))) };
}

/** Paths in one of the two. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  const children = new Map(a.children);
  for (const [element, child] of b.children)
    children.set(element, union(children.get(element) ?? EMPTY, child));
  return { member: a.member || b.member, children };
}

/** Paths of `a` that are not in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a;
  return node(
    a.member && !b.member,
    [...a.children].map(([element, child]) => [element, difference(child, b.children.get(element) ?? EMPTY)]),
  );
}

/** Paths of `a` that are neither in `b` nor below a path of `b`. */
export function withoutTrees(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a;
  if (b.member) return EMPTY;
  return node(
    a.member,
    [...a.children].map(([element, child]) => [
      element,
      withoutTrees(child, b.children.get(element) ?? EMPTY),
    ]),
  );
}

/** Paths in both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const children = [...a.children].map(([element, child]): [string, FieldSet] => [
    element,
    intersection(child, b.children.get(element) ?? EMPTY),
  ]);
  return node(a.member && b.member, children);
}

/** True when both hold the same paths. */
export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a.member !== b.member || a.children.size !== b.children.size) return false;
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    if (other === undefined || !sameSet(child, other)) return false;
  }
  return true;
}

/** Every path as its elements: at each level the members first, then what lies below, as the real server lists them. */
export function* paths(set: FieldSet, prefix: readonly string[] = []): Generator<readonly string[]> {
  const elements = [...set.children.keys()].sort();
  for (const element of elements) if (set.children.get(element)?.member === true) yield [...prefix, element];
  for (const element of elements) {
    const child = set.children.get(element);
    if (child !== undefined) yield* paths(child, [...prefix, element]);
  }
}

/** A path as messages show it: `.spec.ports[port=80,protocol="TCP"].targetPort`. */
export function pathText(path: readonly string[]): string {
  return path.map(elementText).join('');
}

function elementText(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith('f:')) return `.${rest}`;
  if (element.startsWith('k:')) {
    const keys: unknown = JSON.parse(rest);
    const parts = Object.entries(isJsonObject(keys) ? keys : {}).map(
      ([key, value]) => `${key}=${JSON.stringify(value)}`,
    );
    return `[${parts.join(',')}]`;
  }
  return element.startsWith('v:') ? `[=${rest}]` : `[${rest}]`;
}

/** Reads `fieldsV1`. */
export function fromFieldsV1(fields: Json | undefined): FieldSet {
  if (!isJsonObject(fields)) return EMPTY;
  return node(
    fields['.'] !== undefined,
    Object.entries(fields)
      .filter(([element]) => element !== '.')
      .map(([element, child]): [string, FieldSet] => {
        const isLeaf = isJsonObject(child) && Object.keys(child).length === 0;
        return [element, isLeaf ? LEAF : fromFieldsV1(child)];
      }),
  );
}

/** Writes `fieldsV1`. */
export function toFieldsV1(set: FieldSet): JsonObject {
  const result: Record<string, Json> = {};
  if (set.member && set.children.size > 0) result['.'] = {};
  for (const element of [...set.children.keys()].sort()) {
    const child = set.children.get(element);
    if (child !== undefined) result[element] = toFieldsV1(child);
  }
  return result;
}
