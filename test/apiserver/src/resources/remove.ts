// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, at, formatTime, jsonEqual, numberOf, stringOf, withMeta } from '../api/objects.ts';
import { conflict, forbidden, notFound, type StatusDetails } from '../api/status.ts';
import { type Entry, keyOf } from '../store/entry.ts';
import { allocatorOf, type Cluster } from './cluster.ts';
import type { ResourceDefinition } from './definition.ts';

/** metav1.DeleteOptions, as far as it matters here. */
export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** The object as it was or as it is now, and whether it is gone. */
export interface DeleteResult {
  readonly object: ApiObject;
  readonly gone: boolean;
}

const PROTECTED_NAMESPACES = new Set(['default', 'kube-system', 'kube-public']);
const FINALIZER_OF_POLICY: Readonly<Record<string, string>> = {
  Orphan: 'orphan',
  Foreground: 'foregroundDeletion',
};

/** Deletes an object, or marks it as being deleted where finalizers or a grace period stand in the way. */
export function deleteObject(
  cluster: Cluster,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  options: DeleteOptions,
): DeleteResult {
  const entry = cluster.store.collection(definition.storage).get(keyOf(namespace, name));
  if (entry === undefined) throw notFound(definition, name);
  checkPreconditions(definition, entry.object, options);
  if (definition.group === '' && definition.plural === 'namespaces') {
    return deleteNamespace(cluster, definition, entry, options);
  }
  return new Deletion(cluster, definition, entry, options).run();
}

/** What a Status about a deleted object says it was. */
export function deletedDetails(definition: ResourceDefinition, object: ApiObject): StatusDetails {
  return {
    name: object.metadata.name ?? '',
    group: definition.group,
    kind: definition.plural,
    uid: object.metadata.uid ?? '',
  };
}

function checkPreconditions(definition: ResourceDefinition, live: ApiObject, options: DeleteOptions): void {
  const subject = { ...definition, group: definition.group, plural: definition.kind };
  const { uid, resourceVersion } = live.metadata;
  const name = live.metadata.name ?? '';
  if (options.uid !== undefined && options.uid !== uid) {
    throw conflict(
      subject,
      name,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    throw conflict(
      subject,
      name,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}

/** A namespace stays, Terminating, until whoever empties it has cleared `spec.finalizers`. */
function deleteNamespace(
  cluster: Cluster,
  definition: ResourceDefinition,
  entry: Entry,
  options: DeleteOptions,
): DeleteResult {
  const name = entry.object.metadata.name ?? '';
  if (PROTECTED_NAMESPACES.has(name)) {
    throw forbidden(definition, name, 'this namespace may not be deleted');
  }
  if (entry.object.metadata.deletionTimestamp !== undefined) return { object: entry.object, gone: false };
  const marked = withMeta(
    { ...entry.object, status: { ...objectStatus(entry.object), phase: 'Terminating' } },
    { deletionTimestamp: formatTime(cluster.now()) },
  );
  if (options.dryRun) return { object: marked, gone: false };
  const stored = cluster.store.collection(definition.storage).put(entry.key, marked);
  return { object: stored.object, gone: false };
}

function objectStatus(object: ApiObject): Record<string, never> {
  const status = object.status;
  return typeof status === 'object' && status !== null ? (status as Record<string, never>) : {};
}

/** One delete request: grace period and finalizers decide between marking and removing. */
class Deletion {
  readonly #cluster: Cluster;
  readonly #definition: ResourceDefinition;
  readonly #entry: Entry;
  readonly #options: DeleteOptions;

  constructor(cluster: Cluster, definition: ResourceDefinition, entry: Entry, options: DeleteOptions) {
    this.#cluster = cluster;
    this.#definition = definition;
    this.#entry = entry;
    this.#options = options;
  }

  run(): DeleteResult {
    const live = this.#entry.object;
    const graceSeconds = this.#graceSeconds(live);
    if (live.metadata.deletionTimestamp !== undefined) return this.#deleteAgain(live);
    const finalizers = finalizersFor(live, this.#options.propagationPolicy);
    if (graceSeconds === undefined && finalizers.length === 0) return this.#remove(live);
    const marked = this.#mark({ ...withMeta(live, { finalizers: orAbsent(finalizers) }) }, graceSeconds ?? 0);
    const stored = this.#put(marked);
    if (finalizers.length > 0 || (graceSeconds ?? 0) > 0) return { object: stored, gone: false };
    return this.#remove(stored);
  }

  /** A second delete can shorten the grace period, and end a deletion that waits for nothing any more. */
  #deleteAgain(live: ApiObject): DeleteResult {
    const remaining = live.metadata.deletionGracePeriodSeconds ?? 0;
    const asked = this.#options.gracePeriodSeconds;
    if (remaining === 0) return this.#choosePolicyAgain(live);
    const blocked = (live.metadata.finalizers ?? []).length > 0;
    if (asked === undefined || asked >= remaining) return { object: live, gone: false };
    const endsAt = new Date(live.metadata.deletionTimestamp ?? 0).getTime() - (remaining - asked) * 1000;
    const stored = this.#put(
      withMeta(live, {
        deletionTimestamp: formatTime(new Date(endsAt)),
        deletionGracePeriodSeconds: asked,
      }),
    );
    return asked > 0 || blocked ? { object: stored, gone: false } : this.#remove(stored);
  }

  /** While only finalizers are waited for, another propagation policy may take its own away or add it. */
  #choosePolicyAgain(live: ApiObject): DeleteResult {
    const present = live.metadata.finalizers ?? [];
    const finalizers = finalizersFor(live, this.#options.propagationPolicy);
    if (finalizers.length === 0) return this.#remove(live);
    if (jsonEqual(finalizers, present)) return { object: live, gone: false };
    return { object: this.#put(withMeta(live, { finalizers })), gone: false };
  }

  /** Seconds a pod gets to end; `undefined` for kinds that are not deleted gracefully. */
  #graceSeconds(live: ApiObject): number | undefined {
    if (this.#definition.group !== '' || this.#definition.plural !== 'pods') return undefined;
    const phase = stringOf(at(live, 'status', 'phase'));
    if (stringOf(at(live, 'spec', 'nodeName')) === '' || phase === 'Failed' || phase === 'Succeeded')
      return 0;
    const own = numberOf(at(live, 'spec', 'terminationGracePeriodSeconds'), 30);
    const asked = this.#options.gracePeriodSeconds ?? own;
    return asked < 0 ? 1 : asked;
  }

  #mark(object: ApiObject, graceSeconds: number): ApiObject {
    const endsAt = new Date(this.#cluster.now().getTime() + graceSeconds * 1000);
    const generation = object.metadata.generation;
    return withMeta(object, {
      deletionTimestamp: formatTime(endsAt),
      deletionGracePeriodSeconds: graceSeconds,
      generation: generation === undefined ? undefined : generation + 1,
    });
  }

  #put(object: ApiObject): ApiObject {
    if (this.#options.dryRun) return object;
    return this.#cluster.store.collection(this.#definition.storage).put(this.#entry.key, object).object;
  }

  #remove(object: ApiObject): DeleteResult {
    if (!this.#options.dryRun) {
      allocatorOf(this.#cluster, this.#definition)?.release(object);
      this.#cluster.store.collection(this.#definition.storage).remove(this.#entry.key);
    }
    return { object, gone: true };
  }
}

function finalizersFor(object: ApiObject, policy: string | undefined): readonly string[] {
  const present = object.metadata.finalizers ?? [];
  if (policy === undefined) return present;
  const wanted = FINALIZER_OF_POLICY[policy];
  const others = present.filter((finalizer) => finalizer !== 'orphan' && finalizer !== 'foregroundDeletion');
  return wanted === undefined ? others : [...others, wanted];
}

function orAbsent(finalizers: readonly string[]): readonly string[] | undefined {
  return finalizers.length === 0 ? undefined : finalizers;
}
