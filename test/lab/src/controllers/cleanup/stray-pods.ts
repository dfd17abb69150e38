// SPDX-License-Identifier: Apache-2.0
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { NO_PLAN, type Plan } from '../model/actions.ts';
import { isTerminating } from '../model/pods.ts';

/** What {@link planStrayPod} looks at. */
export interface StrayPodInput {
  readonly pod: Pod;
  /** Whether the pod's node exists. */
  readonly nodeExists: boolean;
  /** For how long we have known that it does not; monotonic milliseconds. */
  readonly nodeMissingForMs: number;
  /** A node that was deleted and comes back at once (kubelet restart) keeps its pods within this time. */
  readonly quarantineMs: number;
}

/** Removes pods that no kubelet can remove: those of deleted nodes, and terminating ones that never got a node. */
export function planStrayPod({ pod, nodeExists, nodeMissingForMs, quarantineMs }: StrayPodInput): Plan {
  const remove: Plan = {
    actions: [{ verb: 'delete', resource: PODS, target: pod, gracePeriodSeconds: 0 }],
  };
  if (!pod.spec?.nodeName) return isTerminating(pod) ? remove : NO_PLAN;
  if (nodeExists) return NO_PLAN;
  if (nodeMissingForMs < quarantineMs) {
    return { actions: [], againAfterMs: quarantineMs - nodeMissingForMs };
  }
  return remove;
}
