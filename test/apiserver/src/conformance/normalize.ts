// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json, type JsonObject } from '../api/objects.ts';

/** Node ports from here on are handed out by the server; those below are only ever asked for. */
const FIRST_DYNAMIC_NODE_PORT = 30_086;

const ALLOCATED_IPV4 = /\b10\.96\.(?!0\.)\d{1,3}\.\d{1,3}\b/g;
const ALLOCATED_IPV6 = /\bfd00:10:96::[0-9a-f]{1,4}\b/g;
const UID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;
const TIME = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;
const REVISION = /("resourceVersion\\*":\\*)"\d+/g;

/** Names that the cases let the server finish. */
const GENERATED = /\b(A_|gen-)[b-df-hj-np-tv-xz2-9]{5}\b/g;

/** The whole object, fields in the order of Go structs, inside a message about a patch. */
const PATCHED_OBJECT = /Invalid value: "\{\\"apiVersion\\":.*\}": /;

/** Keys whose values differ from run to run. */
const VOLATILE = new Set([
  ...['uid', 'resourceVersion', 'creationTimestamp', 'time', 'deletionTimestamp'],
  ...['continue', 'token', 'expirationTimestamp'],
]);

/** An age in a table. */
const AGE = /^\d+m?s$/;

/**
 * An answer without what differs from run to run: versions, times, random names, addresses and ports that the server
 * chose. What is said to be different by design goes too: the token volume of pods, and the diff behind the message
 * about an immutable pod.
 */
export function normalize(value: Json, key = ''): Json {
  if (VOLATILE.has(key) && (typeof value === 'string' || typeof value === 'number')) return `<${key}>`;
  if (key === 'cells' && typeof value === 'string' && AGE.test(value)) return '<age>';
  // Descriptions of columns are in the words of each server.
  if (key === 'columnDefinitions') return columnsOf(value);
  if (typeof value === 'string') return normalizeText(value);
  if (typeof value === 'number') {
    const isPort = key === 'nodePort' || key === 'healthCheckNodePort';
    return isPort && value >= FIRST_DYNAMIC_NODE_PORT ? '<port>' : value;
  }
  if (Array.isArray(value)) {
    const items = value
      .filter((item: Json) => !isTokenVolume(item))
      .map((item: Json) => normalize(item, key));
    return items;
  }
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value)
    .filter(
      ([name, item]) => item !== undefined && !isEmptiedList(name, item) && !isReviewMetadata(value, name),
    )
    .map(([name, item]): [string, Json] => [name, normalize(item ?? null, name)]);
  return withSortedCauses(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

function columnsOf(value: Json): Json {
  const columns = Array.isArray(value) ? value.filter(isJsonObject) : [];
  return columns.map(({ name, type, format, priority }) => [
    name ?? null,
    type ?? null,
    format ?? null,
    priority ?? null,
  ]);
}

function normalizeText(text: string): string {
  return text
    .replaceAll(ALLOCATED_IPV4, '<ipv4>')
    .replaceAll(ALLOCATED_IPV6, '<ipv6>')
    .replaceAll(UID, '<uid>')
    .replaceAll(TIME, '<time>')
    .replaceAll(REVISION, '$1"<resourceVersion>')
    .replace(/(the ResourceVersion in record )\(\d+\)/, '$1(<resourceVersion>)')
    .replace(PATCHED_OBJECT, 'Invalid value: <object>: ')
    .replaceAll(GENERATED, '$1<random>')
    .replace(/(if it was previously negative\))\n@@[\s\S]*$/, '$1');
}

function isTokenVolume(item: Json): boolean {
  return isJsonObject(item) && typeof item.name === 'string' && item.name.startsWith('kube-api-access-');
}

/** Metadata of an answer that is not stored: nobody needs to know who sent which field of it. */
function isReviewMetadata(object: JsonObject, name: string): boolean {
  return name === 'metadata' && typeof object.kind === 'string' && /Review$/.test(object.kind);
}

/** Lists that hold nothing but the token volume. */
function isEmptiedList(name: string, item: Json | undefined): boolean {
  return (
    (name === 'volumes' || name === 'volumeMounts') &&
    Array.isArray(item) &&
    item.length > 0 &&
    item.every(isTokenVolume)
  );
}

/**
 * Causes come in the order of a walk over maps, which differs from run to run, and some come twice where two layers of
 * the real server make the same check; the message lists them too.
 */
function withSortedCauses(value: JsonObject): JsonObject {
  const details = value.details;
  const message = value.message;
  if (!isJsonObject(details) || !Array.isArray(details.causes) || typeof message !== 'string') return value;
  const causes: JsonObject[] = details.causes.filter(isJsonObject);
  const unique = new Map(causes.map((cause) => [JSON.stringify(cause), cause]));
  const texts = causes.map((cause) => `${String(cause.field)}: ${String(cause.message)}`);
  const sorted = (list: readonly string[]): string => [...new Set(list)].sort().join(', ');
  const list = `[${[...new Set(texts)].join(', ')}]`;
  return {
    ...value,
    message: message.endsWith(list) ? `${message.slice(0, -list.length)}[${sorted(texts)}]` : message,
    details: {
      ...details,
      causes: [...unique].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, cause]) => cause),
    },
  };
}
