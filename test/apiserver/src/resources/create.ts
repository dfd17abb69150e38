// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, at, formatTime, withMeta } from '../api/objects.ts';
import { alreadyExists, badRequest, invalid, notFound, StatusError } from '../api/status.ts';
import { keyOf } from '../store/entry.ts';
import { type Allocation, unallocated } from '../strategy.ts';
import { resource } from './catalog.ts';
import { allocatorOf, type Cluster, strategyOf, type WriteOptions } from './cluster.ts';
import type { ResourceDefinition } from './definition.ts';
import { generateName, validateMetadata } from './metadata.ts';
import { trackIn } from './track.ts';

/** Fresh random names tried before a generateName gives up. */
const NAME_ATTEMPTS = 8;

/** Creates an object: defaults, metadata, validation, allocation, write; all in one tick. Throws StatusError. */
export function createObject(
  cluster: Cluster,
  definition: ResourceDefinition,
  namespace: string,
  body: ApiObject,
  options: WriteOptions,
): ApiObject {
  const placed = place(definition, namespace, body);
  requireActiveNamespace(cluster, definition, placed);
  const named = chooseName(cluster, definition, placed);
  const strategy = strategyOf(cluster, definition);
  const context = { subresource: options.subresource, dryRun: options.dryRun, now: () => cluster.now() };
  const stamped = stamp(cluster, definition, strategy.setDefaults(named));
  const tracked = options.applied
    ? stamped
    : trackIn(definition, undefined, stamped, {
        manager: options.fieldManager,
        subresource: options.subresource,
        now: cluster.now(),
      });
  const object = strategy.prepareCreate(tracked, context);
  const allocation = allocatorOf(cluster, definition)?.allocate(object, undefined) ?? unallocated(object);
  try {
    validate(cluster, definition, allocation.object, options);
    return write(cluster, definition, allocation, options);
  } catch (error) {
    allocation.undo();
    throw error;
  }
}

function validate(
  cluster: Cluster,
  definition: ResourceDefinition,
  object: ApiObject,
  options: WriteOptions,
): void {
  const strategy = strategyOf(cluster, definition);
  const causes = [...validateMetadata(object.metadata, definition), ...strategy.validateCreate(object)];
  if (causes.length > 0) throw invalid(definition, object.metadata.name ?? '', causes);
  for (const warning of strategy.warnings?.(object, undefined) ?? []) options.warn(warning);
}

function write(
  cluster: Cluster,
  definition: ResourceDefinition,
  allocation: Allocation,
  options: WriteOptions,
): ApiObject {
  const { object } = allocation;
  const collection = cluster.store.collection(definition.storage);
  const name = object.metadata.name ?? '';
  const key = keyOf(object.metadata.namespace, name);
  if (collection.get(key) !== undefined) throw alreadyExists(definition, name);
  if (options.dryRun) {
    allocation.undo();
    return object;
  }
  allocation.commit();
  return collection.put(key, object).object;
}

/** Puts the object where the URL says; a namespace of its own must agree. */
function place(definition: ResourceDefinition, namespace: string, body: ApiObject): ApiObject {
  if (!definition.namespaced) return withMeta(body, { namespace: undefined });
  if (namespace === '') {
    throw badRequest('an empty namespace may not be set during creation');
  }
  if (
    body.metadata.namespace !== undefined &&
    body.metadata.namespace !== '' &&
    body.metadata.namespace !== namespace
  ) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return withMeta(body, { namespace });
}

/** Nothing new in a namespace that is missing or on its way out (NamespaceLifecycle admission). */
function requireActiveNamespace(cluster: Cluster, definition: ResourceDefinition, object: ApiObject): void {
  const namespace = object.metadata.namespace;
  if (!definition.namespaced || namespace === undefined) return;
  const namespaces = resource('', 'namespaces');
  const found = cluster.store.collection(namespaces.storage).get(namespace);
  if (found === undefined) throw notFound(namespaces, namespace);
  if (at(found.object, 'status', 'phase') !== 'Terminating') return;
  const name = object.metadata.name ?? '';
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const subject = definition.group === '' ? definition.plural : `${definition.plural}.${definition.group}`;
  throw new StatusError(403, 'Forbidden', `${subject} "${name}" is forbidden: ${why}`, {
    name,
    group: definition.group,
    kind: definition.plural,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  });
}

function chooseName(cluster: Cluster, definition: ResourceDefinition, object: ApiObject): ApiObject {
  const base = object.metadata.generateName;
  if (object.metadata.name || !base) return object;
  const collection = cluster.store.collection(definition.storage);
  let name = '';
  for (let attempt = 0; attempt < NAME_ATTEMPTS; attempt += 1) {
    name = generateName(base, () => cluster.random());
    if (collection.get(keyOf(object.metadata.namespace, name)) === undefined) break;
  }
  return withMeta(object, { name });
}

/** The metadata only the server sets. */
function stamp(cluster: Cluster, definition: ResourceDefinition, object: ApiObject): ApiObject {
  if (object.metadata.resourceVersion) {
    throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created');
  }
  return withMeta(object, {
    uid: cluster.uuid(),
    creationTimestamp: formatTime(cluster.now()),
    // A kind without a generation of its own keeps the one it is sent with.
    generation: definition.generationOf === undefined ? object.metadata.generation : 1,
    resourceVersion: undefined,
    deletionTimestamp: undefined,
    deletionGracePeriodSeconds: undefined,
    selfLink: undefined,
  });
}
