// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import type { Resource } from '@fairlead/shared/kubernetes/resources.ts';

/**
 * What a controller wants done. The pure planners return lists of these; the executor (executor.ts) turns them into API
 * calls. A list is carried out in order; creations and deletions that stand side by side go out together.
 */
export type Action =
  | { readonly verb: 'create'; readonly resource: AnyResource; readonly object: KubeObject }
  | {
      readonly verb: 'replace';
      readonly resource: AnyResource;
      readonly object: KubeObject;
      readonly subresource?: 'status';
    }
  | {
      readonly verb: 'merge';
      readonly resource: AnyResource;
      readonly target: KubeObject;
      /** JSON merge patch. */
      readonly body: Readonly<Record<string, unknown>>;
      readonly subresource?: 'status';
    }
  | {
      readonly verb: 'delete';
      readonly resource: AnyResource;
      /** Deleted only if it still has this uid. */
      readonly target: KubeObject;
      readonly gracePeriodSeconds?: number;
      readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
    }
  | { readonly verb: 'bind'; readonly pod: KubeObject; readonly nodeName: string }
  | {
      readonly verb: 'event';
      readonly about: KubeObject;
      readonly resource: AnyResource;
      readonly eventType: 'Normal' | 'Warning';
      readonly reason: string;
      readonly message: string;
    };

/** A resource of any kind: actions are carried out without looking into the objects. */
export type AnyResource = Resource<KubeObject>;

/** What a planner returns. */
export interface Plan {
  readonly actions: readonly Action[];
  /** Look again after this time even if nothing changes, e.g. because a pod becomes available by waiting. */
  readonly againAfterMs?: number;
}

/** Nothing to do. */
export const NO_PLAN: Plan = { actions: [] };

/** Creates an object; the compiler sees that it fits its resource. */
export function createAction<T extends KubeObject>(resource: Resource<T>, object: T): Action {
  return { verb: 'create', resource, object };
}

/** Writes a whole object (PUT); a stale resourceVersion makes it fail and the controller decide again. */
export function replaceAction<T extends KubeObject>(
  resource: Resource<T>,
  object: T,
  subresource?: 'status',
): Action {
  return { verb: 'replace', resource, object, ...(subresource === undefined ? {} : { subresource }) };
}

/** Deletes an object, in the background with what depends on it. */
export function deleteAction<T extends KubeObject>(resource: Resource<T>, target: T): Action {
  return { verb: 'delete', resource, target };
}
