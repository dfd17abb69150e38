// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';

/** A node of the control plane, as its Node object describes it. */
export interface ApiServerNode {
  readonly node: string;
  /** InternalIPs, canonical, in the order of the Node; at most one of each family counts. */
  readonly addresses: readonly string[];
  readonly isReady: boolean;
}

/** What is found when an API server is asked. */
export type ApiServerState = 'up' | 'down' | 'unknown';

/** kubeadm's label before 1.24. */
const OLD_CONTROL_PLANE_LABEL = 'node-role.kubernetes.io/master';

/** Is this a node of the control plane? */
export function isControlPlaneNode(node: Node | undefined): boolean {
  const labels = node?.metadata?.labels ?? {};
  return labels[LABEL.controlPlane] !== undefined || labels[OLD_CONTROL_PLANE_LABEL] !== undefined;
}

/**
 * Nodes of the control plane, by name. An address in `except` is none of a node's own: the kubelet takes the address of the
 * control plane for one where it is not told better. Pure.
 */
export function apiServerNodes(nodes: Iterable<Node>, except: ReadonlySet<string>): readonly ApiServerNode[] {
  const found: ApiServerNode[] = [];
  for (const node of nodes) {
    const name = node.metadata?.name;
    if (name === undefined || !isControlPlaneNode(node)) continue;
    found.push({
      node: name,
      addresses: internalAddresses(node).filter((address) => !except.has(address)),
      isReady:
        node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
    });
  }
  return found.sort((a, b) => (a.node < b.node ? -1 : Number(a.node > b.node)));
}

function internalAddresses(node: Node): readonly string[] {
  return (node.status?.addresses ?? []).flatMap(({ type, address: text }) => {
    const address = type === 'InternalIP' ? addressOf(text) : undefined;
    return address === undefined ? [] : [formatAddress(address)];
  });
}

/**
 * Those of the others that keep the connections they have. Only where both the group and our own questions say that it is gone,
 * connections are given up: an agent may end without its API server, and an API server that is not ready may serve on. Pure.
 */
export function endingApiServers(
  servers: readonly ApiServerNode[],
  usable: readonly ApiServerNode[],
  lostNodes: ReadonlySet<string>,
  stateOf: (node: string) => ApiServerState,
): readonly ApiServerNode[] {
  const taken = new Set(usable.map(({ node }) => node));
  return servers.filter(({ node }) => !taken.has(node) && !(lostNodes.has(node) && stateOf(node) === 'down'));
}

/**
 * Those that new connections may go to. Whoever answers counts, also while its kubelet is silent; of one that nobody has
 * asked yet the Node says whether it does. When that leaves none, all that are not lost: then it is more likely
 * our view that is wrong. Pure.
 */
export function usableApiServers(
  servers: readonly ApiServerNode[],
  lostNodes: ReadonlySet<string>,
  stateOf: (node: string) => ApiServerState,
): readonly ApiServerNode[] {
  const reachable = servers.filter(({ node }) => !lostNodes.has(node));
  const usable = reachable.filter(({ node, isReady }) => {
    const state = stateOf(node);
    return state === 'up' || (state === 'unknown' && isReady);
  });
  return usable.length > 0 ? usable : reachable;
}
