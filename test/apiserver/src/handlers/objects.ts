// SPDX-License-Identifier: Apache-2.0
import type { ApiObject, Json } from '../api/objects.ts';
import { badRequest, methodNotAllowed, notFound, StatusError } from '../api/status.ts';
import { contentType, parseJson, readBody } from '../http/body.ts';
import { type Exchange, fieldManagerOf, sendText } from '../http/exchange.ts';
import { negotiate } from '../http/negotiate.ts';
import type { ResourceRequest } from '../http/request-info.ts';
import { applyPatch, PATCH_TYPES, type PatchType } from '../patch/apply-patch.ts';
import type { Cluster, WriteOptions } from '../resources/cluster.ts';
import { createObject } from '../resources/create.ts';
import { groupVersionOf, kindKey, type ResourceDefinition } from '../resources/definition.ts';
import { updateObject } from '../resources/update.ts';
import { fieldValidationOf } from '../schema/decode-body.ts';
import { Entry, keyOf } from '../store/entry.ts';
import type { IncludeObject } from '../tables/table.ts';
import { readObject } from './decode.ts';
import { removeAll, removeOne } from './delete.ts';
import { listPage } from './list.ts';
import { isTrue, parseListOptions } from './list-options.ts';
import { type Representation, representationOf } from './representation.ts';
import { serveWatch } from './watch.ts';
import type { WatchStreams } from './watch-stream.ts';

/** What the handlers of stored objects need. */
export interface ObjectHandlerContext {
  readonly cluster: Cluster;
  readonly watches: WatchStreams;
}

/** Answers one request for stored objects (without the special sub-resources). Throws StatusError. */
export async function handleObjects(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const needsName = info.verb === 'update' || info.verb === 'patch';
  const isMisplaced = info.name === '' ? needsName : info.verb === 'create';
  if (isMisplaced || !definition.verbs.some((verb) => verb === info.verb)) throw methodNotAllowed();
  if (definition.deprecation !== undefined) exchange.warn(definition.deprecation);
  switch (info.verb) {
    case 'get':
      return get(context, exchange, info, definition);
    case 'list':
      return list(context, exchange, info, definition);
    case 'watch':
      return watch(context, exchange, info, definition);
    case 'create':
      return create(context, exchange, info, definition);
    case 'update':
      return update(context, exchange, info, definition);
    case 'patch':
      return patch(context, exchange, info, definition);
    case 'delete':
      return removeOne(context, exchange, info, definition);
    case 'deletecollection':
      return removeAll(context, exchange, info, definition);
    default:
      throw methodNotAllowed();
  }
}

/** The way this exchange wants its objects written. */
export function representationFor(
  context: ObjectHandlerContext,
  exchange: Exchange,
  definition: ResourceDefinition,
): Representation {
  const shape = negotiate(exchange.request.headers.accept);
  return representationOf(definition, shape, includeObjectOf(exchange.url.searchParams), () =>
    context.cluster.now(),
  );
}

function includeObjectOf(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') ?? '';
  return value === 'None' || value === 'Object' ? value : 'Metadata';
}

/** Answers with one object. */
export function sendObject(
  context: ObjectHandlerContext,
  exchange: Exchange,
  definition: ResourceDefinition,
  code: number,
  object: ApiObject,
): void {
  const representation = representationFor(context, exchange, definition);
  const collection = context.cluster.store.collection(definition.storage);
  const key = keyOf(object.metadata.namespace, object.metadata.name ?? '');
  const stored = collection.get(key);
  // The stored entry has its text already, or keeps it for the watchers and readers to come.
  const entry = stored?.object === object ? stored : new Entry(key, object, 0);
  sendText(exchange, code, representation.single(entry));
}

function get(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): void {
  const entry = context.cluster.store.collection(definition.storage).get(keyOf(info.namespace, info.name));
  if (entry === undefined) throw notFound(definition, info.name);
  sendText(exchange, 200, representationFor(context, exchange, definition).single(entry));
}

function list(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): void {
  const { store } = context.cluster;
  const representation = representationFor(context, exchange, definition);
  const options = parseListOptions(definition, exchange.url.searchParams, false, '');
  const page = listPage(store, store.collection(definition.storage), info.namespace, options);
  const metadata = {
    resourceVersion: String(page.revision),
    continue: page.continueToken,
    remainingItemCount: page.remainingItemCount,
  };
  sendText(exchange, 200, listText(representation, metadata, page.entries));
}

/** A list of entries as JSON text. */
export function listText(
  representation: Representation,
  metadata: object,
  entries: readonly Entry[],
): string {
  const { kind, apiVersion, itemsKey, extra } = representation.list;
  const head = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":${JSON.stringify(metadata)},`;
  return `${head}${extra}"${itemsKey}":[${entries.map((entry) => representation.item(entry)).join(',')}]}`;
}

function watch(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): void {
  const { store } = context.cluster;
  const request = {
    store,
    collection: store.collection(definition.storage),
    namespace: info.namespace,
    options: parseListOptions(definition, exchange.url.searchParams, true, info.name),
    representation: representationFor(context, exchange, definition),
    random: () => context.cluster.random(),
  };
  serveWatch(exchange, request, context.watches);
}

/** The write options that query parameters carry. */
export function writeOptionsOf(exchange: Exchange, subresource: string): WriteOptions {
  return {
    dryRun: isDryRun(exchange.url.searchParams.getAll('dryRun')),
    fieldManager: fieldManagerOf(exchange),
    subresource,
    applied: false,
    warn: (text) => exchange.warn(text),
  };
}

function isDryRun(values: readonly string[]): boolean {
  for (const value of values) {
    if (value !== 'All')
      throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(value)}: supported values: "All"`);
  }
  return values.length > 0;
}

async function create(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const body = await readObject(exchange.request, definition, exchange.url.searchParams, exchange.warn);
  const object = createObject(
    context.cluster,
    definition,
    info.namespace,
    body,
    writeOptionsOf(exchange, ''),
  );
  sendObject(context, exchange, definition, 201, object);
}

async function update(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const body = await readObject(exchange.request, definition, exchange.url.searchParams, exchange.warn);
  const options = writeOptionsOf(exchange, info.subresource);
  const { object, created } = updateObject(
    context.cluster,
    definition,
    info.namespace,
    info.name,
    () => body,
    'put',
    options,
  );
  sendObject(context, exchange, definition, created ? 201 : 200, object);
}

/** The patch of a request: its type and its parsed body. */
export async function readPatch(
  exchange: Exchange,
): Promise<{ readonly type: PatchType; readonly body: Json }> {
  const type = contentType(exchange.request);
  const known = PATCH_TYPES.find((candidate) => candidate === type);
  if (known === undefined) {
    throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
  }
  const text = (await readBody(exchange.request)).toString('utf8');
  try {
    return { type: known, body: JSON.parse(text) as Json };
  } catch {
    // Apply bodies may be YAML by their name; every client this server is for sends JSON.
    parseJson(text, 'patch in JSON');
    throw badRequest('the patch is no JSON');
  }
}

async function patch(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const { type, body } = await readPatch(exchange);
  const query = exchange.url.searchParams;
  const fieldValidation = fieldValidationOf(query.get('fieldValidation'), 'PatchOptions');
  const applied = type === 'application/apply-patch+yaml';
  const options = { ...writeOptionsOf(exchange, info.subresource), applied };
  const named = query.get('fieldManager') ?? '';
  const view = definition.view;
  const { object, created } = updateObject(
    context.cluster,
    definition,
    info.namespace,
    info.name,
    (live) => {
      const seen = live !== undefined && view ? view.fromStored(live) : live;
      const patched = applyPatch(kindKey(definition), type, seen, body, {
        ...(named === '' ? {} : { fieldManager: named }),
        force: isTrue(query.get('force')),
        now: context.cluster.now(),
        subresource: info.subresource,
        fieldValidation,
        warn: exchange.warn,
      });
      const typed = { ...patched, apiVersion: groupVersionOf(definition), kind: definition.kind };
      return view ? view.toStored(typed) : typed;
    },
    applied ? 'apply' : 'patch',
    options,
  );
  sendObject(context, exchange, definition, created ? 201 : 200, object);
}
