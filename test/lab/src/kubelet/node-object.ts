// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net';
import type { Lease, Node } from '@fairlead/shared/kubernetes/objects.ts';
import { apiMicroTime, apiTime, withCondition } from '../controllers/model/conditions.ts';
import type { KubeletOptions } from './options.ts';

/** What the Node object says about this node; the part of the options it depends on. */
export type NodeFacts = Pick<
  KubeletOptions,
  'node' | 'nodeIps' | 'podCidrs' | 'controlPlane' | 'kubeletVersion'
> & {
  /** A fresh one for each start of the node. */
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryKi: number;
};

const CONTROL_PLANE_LABEL = 'node-role.kubernetes.io/control-plane';
const MAX_PODS = '250';

type NodeStatus = NonNullable<Node['status']>;

/** Labels a kubelet keeps on its node. */
export function nodeLabels(facts: NodeFacts): Record<string, string> {
  return {
    'kubernetes.io/hostname': facts.node,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': facts.architecture,
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': facts.architecture,
    ...(facts.controlPlane
      ? { [CONTROL_PLANE_LABEL]: '', 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
      : {}),
  };
}

/** The Node as it is first created. */
export function freshNode(facts: NodeFacts, nowMs: number): Node {
  const [podCIDR] = facts.podCidrs;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: facts.node, labels: nodeLabels(facts) },
    spec: {
      ...(podCIDR === undefined ? {} : { podCIDR }),
      podCIDRs: facts.podCidrs,
      providerID: `lab://${facts.node}`,
      ...(facts.controlPlane ? { taints: [{ key: CONTROL_PLANE_LABEL, effect: 'NoSchedule' }] } : {}),
    },
    status: nodeStatus(facts, undefined, nowMs),
  };
}

/** Status of a healthy node; what others have put there stays. */
export function nodeStatus(facts: NodeFacts, previous: NodeStatus | undefined, nowMs: number): NodeStatus {
  const capacity = {
    cpu: String(facts.cpus),
    memory: `${facts.memoryKi}Ki`,
    pods: MAX_PODS,
    'ephemeral-storage': '100Gi',
  };
  let conditions: NodeStatus['conditions'] = previous?.conditions ?? [];
  for (const condition of healthyConditions(nowMs)) {
    conditions = withCondition(conditions, condition, nowMs);
  }
  return {
    ...previous,
    addresses: [
      ...facts.nodeIps.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: facts.node },
    ],
    capacity,
    allocatable: capacity,
    conditions,
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo: {
      architecture: facts.architecture,
      bootID: facts.bootId,
      containerRuntimeVersion: 'netns://1.0.0',
      kernelVersion: facts.kernelVersion,
      kubeProxyVersion: '',
      kubeletVersion: facts.kubeletVersion,
      machineID: facts.node,
      operatingSystem: 'linux',
      osImage: 'Fairlead lab node',
      systemUUID: facts.node,
    },
  };
}

function healthyConditions(nowMs: number) {
  const condition = (type: string, status: string, reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: apiTime(nowMs),
  });
  return [
    condition(
      'MemoryPressure',
      'False',
      'KubeletHasSufficientMemory',
      'kubelet has sufficient memory available',
    ),
    condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
  ];
}

/** Whether the status says anything else, heartbeat times apart. */
export function sameNodeStatus(left: NodeStatus | undefined, right: NodeStatus): boolean {
  const essence = (status: NodeStatus | undefined) =>
    JSON.stringify([
      status?.addresses,
      status?.nodeInfo?.kubeletVersion,
      status?.nodeInfo?.bootID,
      (status?.conditions ?? []).map(({ type, status: value, reason }) => [type, value, reason]),
    ]);
  return essence(left) === essence(right);
}

/** The node's heartbeat Lease, renewed now. */
export function renewedLease(
  facts: { readonly node: string; readonly leaseDurationMs: number },
  previous: Lease | undefined,
  owner: Node | undefined,
  nowMs: number,
): Lease {
  const uid = owner?.metadata?.uid;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...(previous?.metadata ?? { name: facts.node, namespace: 'kube-node-lease' }),
      ...(uid === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: facts.node, uid }] }),
    },
    spec: {
      ...previous?.spec,
      holderIdentity: facts.node,
      leaseDurationSeconds: Math.max(1, Math.round(facts.leaseDurationMs / 1_000)),
      renewTime: apiMicroTime(nowMs),
    },
  };
}

/** Addresses ordered so that the family of the first one leads, as `status.podIPs` of host-network pods wants it. */
export function primaryFirst(addresses: readonly string[]): string[] {
  const [first] = addresses;
  if (first === undefined) return [];
  return addresses.toSorted(
    (a, b) => Number(isIPv6(a) !== isIPv6(first)) - Number(isIPv6(b) !== isIPv6(first)),
  );
}
