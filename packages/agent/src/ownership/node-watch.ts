// SPDX-License-Identifier: Apache-2.0
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';

/** Latest heartbeat that says the node is Ready, by its own clock (milliseconds since 1970); undefined when it does not. */
export function readyHeartbeatMs(node: Node): number | undefined {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') return undefined;
  const heartbeatMs = Date.parse(ready.lastHeartbeatTime ?? '');
  return Number.isNaN(heartbeatMs) ? undefined : heartbeatMs;
}

/**
 * Nodes that an address should preferably go to: Ready, not lost, not kept away from load balancers by Kubernetes' own
 * label, and among the candidates. Only a preference: a node that is none of these may still contend, after the others.
 */
export function preferredNodes(
  nodes: Iterable<Node>,
  lostNodes: ReadonlySet<string>,
  isCandidate: (name: string) => boolean,
): readonly string[] {
  const names: string[] = [];
  for (const node of nodes) {
    const name = node.metadata?.name;
    if (name === undefined || lostNodes.has(name) || !isCandidate(name)) continue;
    if (node.metadata?.labels?.[LABEL.excludeFromLoadBalancers] !== undefined) continue;
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready === undefined || ready.status === 'True') names.push(name);
  }
  return names;
}
