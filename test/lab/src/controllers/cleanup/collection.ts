// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { type Action, type AnyResource, NO_PLAN, type Plan } from '../model/actions.ts';
import type { OwnerReference } from '../model/owners.ts';

/** Finalizers that the API server sets for the propagation policies Foreground and Orphan. */
export const FOREGROUND_FINALIZER = 'foregroundDeletion';
export const ORPHAN_FINALIZER = 'orphan';

/** An object together with its resource: the collector handles all kinds alike. */
export interface Item {
  readonly resource: AnyResource;
  readonly object: KubeObject;
}

/** What is known about an owner: it exists, it is being deleted in the foreground, it does not exist, not known. */
export type OwnerState = 'present' | 'foreground' | 'absent' | 'unknown';

/** What {@link planCollection} looks at. */
export interface CollectionInput {
  readonly item: Item;
  readonly ownerState: (reference: OwnerReference) => OwnerState;
  /** Objects that name this one as an owner. */
  readonly dependents: readonly Item[];
}

/**
 * Garbage collection of one object: gone when all its owners are gone; as an owner under deletion, its dependents go
 * first (foreground) or are set free (orphan) before its finalizer is taken off.
 */
export function planCollection({ item, ownerState, dependents }: CollectionInput): Plan {
  const metadata = item.object.metadata;
  if (metadata?.deletionTimestamp !== undefined) return planDeletedOwner(item, dependents);
  const owners = metadata?.ownerReferences ?? [];
  if (owners.length === 0) return NO_PLAN;
  const states = owners.map((owner) => ({ owner, state: ownerState(owner) }));
  if (states.some(({ state }) => state === 'unknown' || state === 'present')) {
    const gone = states.filter(({ state }) => state === 'absent');
    // A living owner keeps the object; references to dead ones only confuse.
    if (gone.length === 0 || states.some(({ state }) => state === 'unknown')) return NO_PLAN;
    return {
      actions: [
        withoutOwners(
          item,
          gone.map(({ owner }) => owner.uid),
        ),
      ],
    };
  }
  const foreground = states.some(({ state }) => state === 'foreground');
  const blocking = dependents.length > 0 && foreground;
  return {
    actions: [
      {
        verb: 'delete',
        resource: item.resource,
        target: item.object,
        propagationPolicy: blocking ? 'Foreground' : 'Background',
      },
    ],
  };
}

function planDeletedOwner(item: Item, dependents: readonly Item[]): Plan {
  const finalizers = item.object.metadata?.finalizers ?? [];
  const uid = item.object.metadata?.uid ?? '';
  if (finalizers.includes(ORPHAN_FINALIZER)) {
    const free = dependents.map((dependent) => withoutOwners(dependent, [uid]));
    return { actions: [...free, withoutFinalizer(item, ORPHAN_FINALIZER)] };
  }
  if (!finalizers.includes(FOREGROUND_FINALIZER)) return NO_PLAN;
  const blocking = dependents.filter((dependent) =>
    dependent.object.metadata?.ownerReferences?.some(
      (reference) => reference.uid === uid && reference.blockOwnerDeletion === true,
    ),
  );
  if (blocking.length === 0) return { actions: [withoutFinalizer(item, FOREGROUND_FINALIZER)] };
  const alive = dependents.filter((dependent) => dependent.object.metadata?.deletionTimestamp === undefined);
  return {
    actions: alive.map((dependent) => ({
      verb: 'delete',
      resource: dependent.resource,
      target: dependent.object,
      propagationPolicy: 'Foreground',
    })),
  };
}

function withoutOwners({ resource, object }: Item, uids: readonly string[]): Action {
  const left = (object.metadata?.ownerReferences ?? []).filter((reference) => !uids.includes(reference.uid));
  return {
    verb: 'merge',
    resource,
    target: object,
    body: {
      metadata: {
        uid: object.metadata?.uid,
        resourceVersion: object.metadata?.resourceVersion,
        ownerReferences: left.length === 0 ? null : left,
      },
    },
  };
}

function withoutFinalizer({ resource, object }: Item, finalizer: string): Action {
  const left = (object.metadata?.finalizers ?? []).filter((entry) => entry !== finalizer);
  return {
    verb: 'merge',
    resource,
    target: object,
    body: {
      metadata: {
        uid: object.metadata?.uid,
        resourceVersion: object.metadata?.resourceVersion,
        finalizers: left.length === 0 ? null : left,
      },
    },
  };
}
