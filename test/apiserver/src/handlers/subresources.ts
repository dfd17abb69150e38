// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  arrayOf,
  at,
  formatTime,
  isJsonObject,
  type Json,
  type JsonObject,
  numberOf,
  objectOf,
  stringOf,
} from '../api/objects.ts';
import { badRequest, conflict, invalid, methodNotAllowed, notFound, StatusError } from '../api/status.ts';
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import { type Exchange, sendJson } from '../http/exchange.ts';
import type { ResourceRequest } from '../http/request-info.ts';
import { applyPatch } from '../patch/apply-patch.ts';
import { resource } from '../resources/catalog.ts';
import type { WriteOptions } from '../resources/cluster.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { deleteObject } from '../resources/remove.ts';
import { updateObject } from '../resources/update.ts';
import { fieldValidationOf } from '../schema/decode-body.ts';
import { keyOf } from '../store/entry.ts';
import { formatSelector, NONE } from '../tables/format.ts';
import { decodeObject, readJson } from './decode.ts';
import {
  handleObjects,
  type ObjectHandlerContext,
  readPatch,
  sendObject,
  writeOptionsOf,
} from './objects.ts';

/** What the handlers of sub-resources need besides the objects. */
export interface SubresourceContext extends ObjectHandlerContext {
  readonly tokens: ServiceAccountTokens;
}

/** Answers a request for a sub-resource. Throws StatusError. */
export async function handleSubresource(
  context: SubresourceContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  switch (info.subresource) {
    case 'status':
      if (!['get', 'update', 'patch'].includes(info.verb)) throw methodNotAllowed();
      return handleObjects(context, exchange, info, definition);
    case 'finalize':
      if (info.verb !== 'update') throw methodNotAllowed();
      return finalizeNamespace(context, exchange, info, definition);
    case 'scale':
      return scale(context, exchange, info, definition);
    case 'binding':
      if (info.verb !== 'create') throw methodNotAllowed();
      return bind(context, exchange, info, definition);
    case 'eviction':
      if (info.verb !== 'create') throw methodNotAllowed();
      return evict(context, exchange, info, definition);
    default:
      if (info.verb !== 'create') throw methodNotAllowed();
      return requestToken(context, exchange, info, definition);
  }
}

function liveObject(
  context: ObjectHandlerContext,
  info: ResourceRequest,
  definition: ResourceDefinition,
): ApiObject {
  const entry = context.cluster.store.collection(definition.storage).get(keyOf(info.namespace, info.name));
  if (entry === undefined) throw notFound(definition, info.name);
  return entry.object;
}

/** Changes `spec.finalizers` and nothing else. */
async function finalizeNamespace(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const value = await readJson(exchange.request, definition.kind);
  const body = decodeObject(
    definition,
    value,
    fieldValidationOf(exchange.url.searchParams.get('fieldValidation'), 'UpdateOptions'),
    exchange.warn,
  );
  const { object } = updateObject(
    context.cluster,
    definition,
    '',
    info.name,
    (live) => ({
      ...(live ?? body),
      metadata: { ...(live ?? body).metadata, resourceVersion: body.metadata.resourceVersion ?? '' },
      spec: namespaceSpec(objectOf(live?.spec), arrayOf(at(body, 'spec', 'finalizers'))),
    }),
    'put',
    writeOptionsOf(exchange, 'finalize'),
  );
  sendObject(context, exchange, definition, 200, object);
}

function namespaceSpec(spec: JsonObject, finalizers: readonly Json[]): JsonObject {
  return { ...spec, finalizers: finalizers.length === 0 ? undefined : finalizers };
}

function scaleOf(object: ApiObject): ApiObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = formatSelector(at(object, 'spec', 'selector'));
  const replicas = numberOf(at(object, 'spec', 'replicas'));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: numberOf(at(object, 'status', 'replicas')),
      ...(selector === NONE ? {} : { selector }),
    },
  };
}

async function scale(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const live = liveObject(context, info, definition);
  if (info.verb === 'get') {
    sendJson(exchange, 200, scaleOf(live));
    return;
  }
  if (info.verb !== 'update' && info.verb !== 'patch') throw methodNotAllowed();
  const wanted = await wantedScale(context, exchange, info, live);
  const replicas = numberOf(at(wanted, 'spec', 'replicas'));
  if (replicas < 0) {
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, info.name, [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${replicas}: must be greater than or equal to 0`,
        field: 'spec.replicas',
      },
    ]);
  }
  const version = stringOf(at(wanted, 'metadata', 'resourceVersion'));
  const { object } = updateObject(
    context.cluster,
    definition,
    info.namespace,
    info.name,
    (current) => {
      const base = current ?? live;
      return {
        ...base,
        metadata: { ...base.metadata, resourceVersion: version },
        spec: { ...objectOf(base.spec), replicas },
      };
    },
    info.verb === 'patch' ? 'patch' : 'put',
    writeOptionsOf(exchange, 'scale'),
  );
  sendJson(exchange, 200, scaleOf(object));
}

async function wantedScale(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  live: ApiObject,
): Promise<Json> {
  if (info.verb === 'update') return readJson(exchange.request, 'Scale');
  const { type, body } = await readPatch(exchange);
  return applyPatch('autoscaling/Scale', type, scaleOf(live), body, {
    force: true,
    fieldManager: writeOptionsOf(exchange, 'scale').fieldManager,
    now: context.cluster.now(),
    subresource: 'scale',
  });
}

/** The scheduler's decision: once, and not for a pod on its way out. */
async function bind(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const body = await readJson(exchange.request, 'Binding');
  const node = stringOf(at(body, 'target', 'name'));
  const kind = stringOf(at(body, 'target', 'kind'));
  if (kind !== '' && kind !== 'Node') {
    const why = `Unsupported value: ${JSON.stringify(kind)}: supported values: "Node", "<empty>"`;
    throw new StatusError(500, '', `target.kind: ${why}`);
  }
  if (node === '') throw new StatusError(500, '', 'target.name: Required value');
  const subject = { ...definition, plural: 'pods/binding' };
  updateObject(
    context.cluster,
    definition,
    info.namespace,
    info.name,
    (live) => {
      if (live === undefined) throw notFound(definition, info.name);
      if (live.metadata.deletionTimestamp !== undefined) {
        throw conflict(subject, info.name, `pod ${info.name} is being deleted, cannot be assigned to a host`);
      }
      const present = stringOf(at(live, 'spec', 'nodeName'));
      if (present !== '') {
        throw conflict(subject, info.name, `pod ${info.name} is already assigned to node "${present}"`);
      }
      return scheduled(live, node, formatTime(context.cluster.now()));
    },
    'patch',
    { ...writeOptionsOf(exchange, 'binding'), applied: true },
  );
  sendJson(exchange, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}

function scheduled(pod: ApiObject, node: string, time: string): ApiObject {
  const condition = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: time };
  return {
    ...pod,
    spec: { ...objectOf(pod.spec), nodeName: node },
    status: { ...objectOf(pod.status), conditions: withCondition(pod, condition) },
  };
}

async function evict(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const body = await readJson(exchange.request, 'Eviction');
  const asked = at(body, 'deleteOptions', 'gracePeriodSeconds');
  const options = writeOptionsOf(exchange, 'eviction');
  markEvicted(context, info, definition, options);
  deleteObject(context.cluster, definition, info.namespace, info.name, {
    dryRun: options.dryRun,
    ...(typeof asked === 'number' ? { gracePeriodSeconds: asked } : {}),
  });
  sendJson(exchange, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}

/** The condition that tells a budget controller why a pod went. */
function markEvicted(
  context: ObjectHandlerContext,
  info: ResourceRequest,
  definition: ResourceDefinition,
  options: WriteOptions,
): void {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    lastProbeTime: null,
    lastTransitionTime: formatTime(context.cluster.now()),
  };
  const mark = (live: ApiObject | undefined): ApiObject => {
    if (live === undefined) throw notFound(definition, info.name);
    return { ...live, status: { ...objectOf(live.status), conditions: withCondition(live, condition) } };
  };
  updateObject(context.cluster, definition, info.namespace, info.name, mark, 'patch', {
    ...options,
    subresource: 'status',
    applied: true,
  });
}

function withCondition(pod: ApiObject, condition: JsonObject): Json[] {
  const others = arrayOf(at(pod, 'status', 'conditions')).filter(
    (item) => at(item, 'type') !== condition.type,
  );
  return [...others, condition];
}

const MAX_TOKEN_SECONDS = 2 ** 32;
const MIN_TOKEN_SECONDS = 600;
const DEFAULT_TOKEN_SECONDS = 3_600;

async function requestToken(
  context: SubresourceContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const body = await readJson(exchange.request, 'TokenRequest');
  const account = liveObject(context, info, definition);
  const audiences = arrayOf(at(body, 'spec', 'audiences')).map(stringOf);
  const seconds = numberOf(at(body, 'spec', 'expirationSeconds'), DEFAULT_TOKEN_SECONDS);
  checkLifetime(seconds);
  const boundTo = boundObject(context, info, at(body, 'spec', 'boundObjectRef'));
  const { token, expiresAt } = context.tokens.issue({
    namespace: info.namespace,
    name: info.name,
    uid: account.metadata.uid ?? '',
    audiences,
    expirationSeconds: seconds,
    ...(boundTo ? { boundTo } : {}),
  });
  sendJson(exchange, 201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      name: info.name,
      namespace: info.namespace,
      creationTimestamp: formatTime(context.cluster.now()),
    },
    spec: {
      audiences,
      expirationSeconds: seconds,
      boundObjectRef: at(body, 'spec', 'boundObjectRef') ?? null,
    },
    status: { token, expirationTimestamp: formatTime(expiresAt) },
  });
}

function checkLifetime(seconds: number): void {
  const why =
    seconds < MIN_TOKEN_SECONDS
      ? 'may not specify a duration less than 10 minutes'
      : 'may not specify a duration larger than 2^32 seconds';
  if (seconds >= MIN_TOKEN_SECONDS && seconds <= MAX_TOKEN_SECONDS) return;
  throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${seconds}: ${why}`,
      field: 'spec.expirationSeconds',
    },
  ]);
}

/** What a token can be bound to, and where those objects are. */
const BOUND_KINDS: Readonly<Record<string, string>> = { Pod: 'pods', Node: 'nodes', Secret: 'secrets' };

function boundObject(
  context: ObjectHandlerContext,
  info: ResourceRequest,
  reference: Json | undefined,
): { readonly kind: string; readonly name: string; readonly uid: string } | undefined {
  if (!isJsonObject(reference)) return undefined;
  const kind = stringOf(reference.kind);
  const name = stringOf(reference.name);
  const plural = BOUND_KINDS[kind];
  if (plural === undefined)
    throw badRequest(`cannot bind token for object type ${kind}: expected Pod, Node or Secret`);
  const definition = resource('', plural);
  const found = context.cluster.store
    .collection(definition.storage)
    .get(keyOf(definition.namespaced ? info.namespace : '', name));
  if (found === undefined) throw notFound(definition, name);
  const uid = found.object.metadata.uid ?? '';
  const asked = stringOf(reference.uid);
  if (asked !== '' && asked !== uid) {
    throw conflict(
      definition,
      name,
      `the UID in the bound object reference (${asked}) does not match the UID in record (${uid})`,
    );
  }
  return { kind, name, uid };
}
