// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json, type JsonObject, jsonEqual } from '../api/objects.ts';
import { badRequest, StatusError } from '../api/status.ts';

/** More operations than this are refused with 413, as by the real server. */
const MAX_OPERATIONS = 10_000;

/**
 * RFC 6902, with the deviations of the real server: `replace` of a key that an existing object lacks adds it, negative
 * array indexes count from the end, and every failing operation gives the same wordless 422.
 */
export function applyJsonPatch(target: Json, patch: Json): Json {
  if (!Array.isArray(patch)) {
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${typeName(patch)} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  if (patch.length > MAX_OPERATIONS) {
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`,
    );
  }
  let result = target;
  for (const operation of patch) result = applyOperation(result, operation);
  return result;
}

function applyOperation(target: Json, operation: Json): Json {
  if (!isJsonObject(operation)) throw rejected();
  const path = pointer(operation.path);
  const value = operation.value;
  switch (operation.op) {
    case 'add':
      return edit(target, path, (container, key) => add(container, key, value ?? null));
    case 'replace':
      return edit(target, path, (container, key) => replace(container, key, value ?? null));
    case 'remove':
      return edit(target, path, remove);
    case 'test':
      if (!jsonEqual(read(target, path) ?? null, value ?? null)) throw rejected();
      return target;
    case 'copy': {
      // A value that is not there is copied as null, as the real server does.
      const copied = read(target, pointer(operation.from)) ?? null;
      return edit(target, path, (container, key) => add(container, key, copied));
    }
    case 'move': {
      const from = pointer(operation.from);
      const moved = read(target, from);
      if (moved === undefined) throw rejected();
      const without = edit(target, from, remove);
      return edit(without, path, (container, key) => add(container, key, moved));
    }
    default:
      throw rejected();
  }
}

type Container = readonly Json[] | JsonObject;

/** The parts of an RFC 6901 pointer; the document itself (`''`) cannot be addressed, as in the real server. */
function pointer(value: Json | undefined): readonly string[] {
  if (typeof value !== 'string' || !value.includes('/')) throw rejected();
  return value
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(target: Json, path: readonly string[]): Json | undefined {
  let current: Json | undefined = target;
  for (const [depth, key] of path.entries()) {
    if (Array.isArray(current)) current = current[indexOf(key, current.length)];
    else if (isJsonObject(current)) current = current[key];
    else throw rejected();
    if (current === undefined && depth < path.length - 1) throw rejected();
  }
  return current;
}

/** Rebuilds the way down to the container that holds the last key of the path and changes that container. */
function edit(
  target: Json | undefined,
  path: readonly string[],
  change: (container: Container, key: string) => Container,
): Json {
  const [key = '', ...rest] = path;
  if (!Array.isArray(target) && !isJsonObject(target)) throw rejected();
  if (rest.length === 0) return change(target, key);
  if (Array.isArray(target)) {
    const index = indexOf(key, target.length);
    return target.with(index, edit(target[index], rest, change));
  }
  const object: JsonObject = target;
  return { ...object, [key]: edit(object[key], rest, change) };
}

function add(container: Container, key: string, value: Json): Container {
  if (!isArray(container)) return { ...container, [key]: value };
  const index = key === '-' ? container.length : indexOf(key, container.length + 1);
  return container.toSpliced(index, 0, value);
}

function replace(container: Container, key: string, value: Json): Container {
  if (!isArray(container)) return { ...container, [key]: value };
  return container.with(indexOf(key, container.length), value);
}

function remove(container: Container, key: string): Container {
  if (isArray(container)) return container.toSpliced(indexOf(key, container.length), 1);
  if (container[key] === undefined) throw rejected();
  const { [key]: _removed, ...rest } = container;
  return rest;
}

function indexOf(key: string, length: number): number {
  if (!/^-?\d+$/.test(key)) throw rejected();
  const index = Number(key) < 0 ? Number(key) + length : Number(key);
  if (index < 0 || index >= length) throw rejected();
  return index;
}

function isArray(container: Container): container is readonly Json[] {
  return Array.isArray(container);
}

/** The real server tells no more than this about a JSON patch that does not fit. */
function rejected(): StatusError {
  return new StatusError(
    422,
    'Invalid',
    'the server rejected our request due to an error in our request',
    {},
  );
}

function typeName(value: Json): string {
  return isJsonObject(value) ? 'object' : typeof value === 'boolean' ? 'bool' : typeof value;
}
