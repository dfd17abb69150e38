// SPDX-License-Identifier: Apache-2.0
import type { Node, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { NO_PLAN, type Plan } from '../model/actions.ts';
import { isTerminating } from '../model/pods.ts';
import {
  TAINT_NOT_READY,
  TAINT_UNREACHABLE,
  type Taint,
  type Toleration,
  tolerates,
} from '../model/scheduling.ts';

/** tolerationSeconds that the DefaultTolerationSeconds admission of a real API server writes into every pod. */
const ADMISSION_DEFAULT_SECONDS = 300;

/** What {@link planEviction} looks at. */
export interface EvictionInput {
  readonly pod: Pod;
  /** The pod's node. */
  readonly node: Node;
  readonly wallMs: number;
  /** Stay on a lost node for pods that ask for nothing, or for what admission writes by default. */
  readonly defaultStayMs: number;
}

/** Deletes a pod whose node has a NoExecute taint that it does not tolerate, at once or after its tolerationSeconds. */
export function planEviction({ pod, node, wallMs, defaultStayMs }: EvictionInput): Plan {
  if (isTerminating(pod)) return NO_PLAN;
  const taints: readonly Taint[] = (node.spec?.taints ?? []).filter((taint) => taint.effect === 'NoExecute');
  const deadlines = taints.map((taint) => {
    const since = Date.parse(taint.timeAdded ?? '');
    const stayMs = toleratedMs(taint, pod.spec?.tolerations ?? [], defaultStayMs);
    return (Number.isNaN(since) ? wallMs : since) + stayMs;
  });
  const deadline = Math.min(Number.POSITIVE_INFINITY, ...deadlines);
  if (deadline === Number.POSITIVE_INFINITY) return NO_PLAN;
  if (deadline > wallMs) return { actions: [], againAfterMs: deadline - wallMs };
  return {
    actions: [
      {
        verb: 'event',
        about: pod,
        resource: PODS,
        eventType: 'Normal',
        reason: 'TaintManagerEviction',
        message: `Marking for deletion Pod ${pod.metadata?.namespace ?? ''}/${pod.metadata?.name ?? ''}`,
      },
      { verb: 'delete', resource: PODS, target: pod },
    ],
  };
}

/** How long a pod may stay under a taint: 0 without toleration, Infinity without limit, else its shortest limit. */
function toleratedMs(taint: Taint, tolerations: readonly Toleration[], defaultStayMs: number): number {
  const isLostNode = taint.key === TAINT_NOT_READY || taint.key === TAINT_UNREACHABLE;
  const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
  if (matching.length === 0) return isLostNode ? defaultStayMs : 0;
  const limits = matching.map(({ key, tolerationSeconds }) => {
    if (tolerationSeconds === undefined) return Number.POSITIVE_INFINITY;
    const byAdmission = isLostNode && key === taint.key && tolerationSeconds === ADMISSION_DEFAULT_SECONDS;
    return byAdmission ? defaultStayMs : Math.max(0, tolerationSeconds) * 1_000;
  });
  return Math.min(...limits);
}
