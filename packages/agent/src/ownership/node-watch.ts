// SPDX-License-Identifier: Apache-2.0
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import { avoidedNode } from './node-eligibility.ts';

/** Latest heartbeat that says the node is Ready, by its own clock (milliseconds since 1970); undefined when it does not. */
export function readyHeartbeatMs(node: Node): number | undefined {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') return undefined;
  const heartbeatMs = Date.parse(ready.lastHeartbeatTime ?? '');
  return Number.isNaN(heartbeatMs) ? undefined : heartbeatMs;
}

/**
 * Nodes that an address should preferably go to: among the candidates, not lost, and not to be avoided. Only a preference:
 * a node that is none of these may still contend, after the others.
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
    if (avoidedNode(node) === undefined) names.push(name);
  }
  return names;
}
