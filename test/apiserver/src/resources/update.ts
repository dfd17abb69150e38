// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, arrayOf, at, jsonEqual, withMeta } from '../api/objects.ts';
import { badRequest, conflict, invalid, notFound, StatusError, staleWrite } from '../api/status.ts';
import { disownReplicas, ownsReplicas } from '../managed-fields/scale.ts';
import type { Entry } from '../store/entry.ts';
import { keyOf } from '../store/entry.ts';
import { type Allocation, unallocated } from '../strategy.ts';
import { allocatorOf, type Cluster, strategyOf, type WriteOptions } from './cluster.ts';
import { createObject } from './create.ts';
import type { ResourceDefinition } from './definition.ts';
import { validateMetadata, validateMetadataUpdate } from './metadata.ts';
import { trackIn } from './track.ts';

/** What a write made. */
export interface WriteResult {
  readonly object: ApiObject;
  readonly created: boolean;
}

/** Makes the next object from the stored one; `undefined` when there is none (apply and PUT may then create). */
export type Change = (live: ApiObject | undefined) => ApiObject;

/** Whether the change came as a whole object (PUT) or as a patch: they differ in how versions are checked. */
export type ChangeKind = 'put' | 'patch' | 'apply';

/** Changes (or, where the kind allows it, creates) an object in one tick. Throws StatusError. */
export function updateObject(
  cluster: Cluster,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  change: Change,
  kind: ChangeKind,
  options: WriteOptions,
): WriteResult {
  const entry = cluster.store.collection(definition.storage).get(keyOf(namespace, name));
  if (entry === undefined) {
    if (kind === 'put' && definition.createOnUpdate)
      requireNoUid(definition, namespace, name, change(undefined));
    const mayCreate = kind === 'apply' || (kind === 'put' && definition.createOnUpdate);
    if (!mayCreate || options.subresource !== '') throw notFound(definition, name);
    const body = withMeta(change(undefined), { resourceVersion: undefined, uid: undefined });
    requireName(body, name);
    return { object: createObject(cluster, definition, namespace, body, options), created: true };
  }
  const sent = change(entry.object);
  requireName(sent, name);
  requireNamespace(definition, namespace, sent);
  checkVersion(definition, entry, sent, kind);
  const next = prepare(cluster, definition, entry.object, sent, kind, options);
  // Status and other sub-resources leave the specification alone, so there is nothing to allocate.
  const allocator = options.subresource === '' ? allocatorOf(cluster, definition) : undefined;
  const allocation = allocator?.allocate(next, entry.object) ?? unallocated(next);
  try {
    validate(cluster, definition, allocation.object, entry.object, options);
    return { object: write(cluster, definition, entry, allocation, options), created: false };
  } catch (error) {
    allocation.undo();
    throw error;
  }
}

function requireName(object: ApiObject, name: string): void {
  const own = object.metadata.name;
  if (own === undefined || own === '') {
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (own !== name) {
    throw badRequest(`the name of the object (${own}) does not match the name on the URL (${name})`);
  }
}

function requireNamespace(definition: ResourceDefinition, namespace: string, object: ApiObject): void {
  const own = object.metadata.namespace;
  if (!definition.namespaced || own === undefined || own === '' || own === namespace) return;
  throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/**
 * Whoever sends a uid means an object that exists: without this a late PUT would bring a deleted Service back, because
 * some kinds may be created by PUT.
 */
function requireNoUid(
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  sent: ApiObject,
): void {
  const { uid } = sent.metadata;
  if (uid !== undefined && uid !== '') throw otherUid(definition, keyOf(namespace, name), name, uid, '');
}

/** Where the real server keeps a resource, when that is not under its plural. */
const REGISTRY: Readonly<Record<string, string>> = {
  services: 'services/specs',
  endpoints: 'services/endpoints',
  nodes: 'minions',
};

function otherUid(
  definition: ResourceDefinition,
  key: string,
  name: string,
  wanted: string,
  found: string,
): Error {
  const registry = REGISTRY[definition.plural] ?? definition.plural;
  return conflict(
    definition,
    name,
    `StorageError: invalid object, Code: 4, Key: /registry/${registry}/${key}, ResourceVersion: 0, ` +
      `AdditionalErrorMsg: Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`,
  );
}

function checkVersion(definition: ResourceDefinition, entry: Entry, sent: ApiObject, kind: ChangeKind): void {
  const { metadata } = entry.object;
  const name = metadata.name ?? '';
  if (kind === 'put' && sent.metadata.uid && sent.metadata.uid !== metadata.uid) {
    throw otherUid(definition, entry.key, name, sent.metadata.uid, metadata.uid ?? '');
  }
  const version = sent.metadata.resourceVersion;
  if (version === undefined || version === '' || version === '0') {
    if (kind === 'put' && !definition.unconditionalUpdate) {
      // The real server names the resource where it should name the kind.
      throw invalid({ group: definition.group, kind: definition.plural }, name, [
        {
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 0: must be specified for an update',
          field: 'metadata.resourceVersion',
        },
      ]);
    }
    return;
  }
  if (!/^\d+$/.test(version)) {
    throw new StatusError(500, '', `strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`);
  }
  if (version !== metadata.resourceVersion) throw staleWrite(definition, name);
}

/** Defaults, the half of the object this request may change, system metadata, generation, managed fields. */
function prepare(
  cluster: Cluster,
  definition: ResourceDefinition,
  previous: ApiObject,
  sent: ApiObject,
  kind: ChangeKind,
  options: WriteOptions,
): ApiObject {
  const strategy = strategyOf(cluster, definition);
  const { subresource, dryRun } = options;
  const restricted = restrict(definition, strategy.setDefaults(sent), previous, subresource);
  const { metadata } = previous;
  const restored = withMeta(restricted, {
    namespace: metadata.namespace,
    uid: kind === 'put' ? metadata.uid : (restricted.metadata.uid ?? metadata.uid),
    creationTimestamp: metadata.creationTimestamp,
    deletionTimestamp: metadata.deletionTimestamp,
    deletionGracePeriodSeconds:
      kind === 'put'
        ? metadata.deletionGracePeriodSeconds
        : (restricted.metadata.deletionGracePeriodSeconds ?? metadata.deletionGracePeriodSeconds),
    generateName: restricted.metadata.generateName ?? metadata.generateName,
    generation: metadata.generation,
    resourceVersion: metadata.resourceVersion,
    selfLink: undefined,
  });
  const tracked = track(cluster, definition, restored, previous, kind, options);
  const context = { subresource, dryRun, now: () => cluster.now() };
  return bumpGeneration(
    definition,
    strategy.prepareUpdate(tracked, previous, context),
    previous,
    subresource,
  );
}

function track(
  cluster: Cluster,
  definition: ResourceDefinition,
  next: ApiObject,
  previous: ApiObject,
  kind: ChangeKind,
  options: WriteOptions,
): ApiObject {
  if (options.applied) return next;
  if (options.subresource === 'scale') {
    if (kind === 'put') return disownReplicas(next);
    if (!ownsReplicas(previous)) return next;
  }
  return trackIn(definition, previous, next, {
    manager: options.fieldManager,
    subresource: options.subresource,
    now: cluster.now(),
  });
}

function bumpGeneration(
  definition: ResourceDefinition,
  next: ApiObject,
  previous: ApiObject,
  subresource: string,
): ApiObject {
  const read = definition.generationOf;
  // Binding a pod to a node is not a change of what is wanted.
  if (read === undefined || subresource === 'binding' || jsonEqual(read(next), read(previous))) return next;
  return withMeta(next, { generation: (previous.metadata.generation ?? 0) + 1 });
}

/** A status update changes the status (and metadata), any other update everything but the status. */
function restrict(
  definition: ResourceDefinition,
  next: ApiObject,
  previous: ApiObject,
  subresource: string,
): ApiObject {
  if (!definition.subresources.includes('status') || subresource === 'binding') return next;
  if (subresource === 'status') {
    const { apiVersion, kind, metadata } = next;
    const { ownerReferences } = previous.metadata;
    return withMeta({ ...previous, apiVersion, kind, metadata, status: next.status }, { ownerReferences });
  }
  return { ...next, status: previous.status };
}

function validate(
  cluster: Cluster,
  definition: ResourceDefinition,
  next: ApiObject,
  previous: ApiObject,
  options: WriteOptions,
): void {
  const strategy = strategyOf(cluster, definition);
  const context = { subresource: options.subresource, dryRun: options.dryRun, now: () => cluster.now() };
  const causes = [
    ...validateMetadata(next.metadata, definition),
    ...validateMetadataUpdate(next, previous),
    ...strategy.validateUpdate(next, previous, context),
  ];
  if (causes.length > 0) throw invalid(definition, next.metadata.name ?? '', causes);
  const warnings = options.subresource === '' ? strategy.warnings?.(next, previous) : undefined;
  for (const warning of warnings ?? []) options.warn(warning);
}

function write(
  cluster: Cluster,
  definition: ResourceDefinition,
  entry: Entry,
  allocation: Allocation,
  options: WriteOptions,
): ApiObject {
  const collection = cluster.store.collection(definition.storage);
  const complete = allocation.object;
  if (options.dryRun) {
    allocation.undo();
    return complete;
  }
  allocation.commit();
  if (isReleased(definition, complete)) {
    allocatorOf(cluster, definition)?.release(complete);
    collection.remove(entry.key);
    return complete;
  }
  // A write that changes nothing is no write: no revision, no event.
  if (sameObject(complete, entry.object)) return entry.object;
  return collection.put(entry.key, complete).object;
}

/** An object being deleted goes when its last finalizer does (and no grace period runs any more). */
function isReleased(definition: ResourceDefinition, object: ApiObject): boolean {
  if (object.metadata.deletionTimestamp === undefined) return false;
  if ((object.metadata.finalizers ?? []).length > 0) return false;
  if (definition.group === '' && definition.plural === 'namespaces') {
    return arrayOf(at(object, 'spec', 'finalizers')).length === 0;
  }
  return (object.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** Equal but for the times of managed fields: a time alone is no change. */
function sameObject(a: ApiObject, b: ApiObject): boolean {
  return jsonEqual(withoutTimes(a), withoutTimes(b));
}

function withoutTimes(object: ApiObject): ApiObject {
  const fields = object.metadata.managedFields;
  if (fields === undefined) return object;
  return withMeta(object, { managedFields: fields.map((entry) => ({ ...entry, time: undefined })) });
}
