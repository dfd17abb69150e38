// SPDX-License-Identifier: Apache-2.0
/** Small objects for the tests of the planners. */
import type { Deployment, Node, Pod, ReplicaSet, Service } from '@fairlead/shared/kubernetes/objects.ts';

/** Start of time in these tests. */
export const NOW_MS = Date.UTC(2026, 0, 1, 12);

/** What varies between test pods. */
export interface PodShape {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly node?: string;
  readonly ready?: boolean;
  readonly phase?: string;
  readonly ips?: readonly string[];
  readonly terminating?: boolean;
  readonly owner?: { readonly kind: string; readonly name: string; readonly uid: string };
  readonly spec?: Partial<NonNullable<Pod['spec']>>;
}

/** A pod; running and ready unless said otherwise. */
export function pod(shape: PodShape): Pod {
  const { name, namespace = 'default', ready = true, owner } = shape;
  const at = '2026-01-01T11:00:00Z';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: at,
      labels: shape.labels ?? { app: 'echo' },
      ...(shape.terminating ? { deletionTimestamp: at } : {}),
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'apps/v1', ...owner, controller: true }] }),
    },
    spec: {
      containers: [{ name: 'main', image: 'echo-app' }],
      ...(shape.node === undefined ? {} : { nodeName: shape.node }),
      ...shape.spec,
    },
    status: {
      phase: shape.phase ?? 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: at }],
      podIPs: (shape.ips ?? []).map((ip) => ({ ip })),
    },
  };
}

/** A node; ready unless said otherwise. */
export function node(
  name: string,
  shape: {
    readonly ready?: string;
    readonly taints?: readonly { key: string; value?: string; effect: string; timeAdded?: string }[];
    readonly labels?: Record<string, string>;
    readonly unschedulable?: boolean;
    readonly heartbeat?: string;
  } = {},
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', labels: shape.labels ?? {} },
    spec: {
      ...(shape.taints === undefined ? {} : { taints: shape.taints }),
      ...(shape.unschedulable === undefined ? {} : { unschedulable: shape.unschedulable }),
    },
    status: {
      conditions: [
        {
          type: 'Ready',
          status: shape.ready ?? 'True',
          lastHeartbeatTime: shape.heartbeat ?? '2026-01-01T11:59:50Z',
          lastTransitionTime: '2026-01-01T11:00:00Z',
        },
      ],
    },
  };
}

/** A Deployment of the echo app. */
export function deployment(replicas: number, image = 'echo-app:1'): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'echo',
      namespace: 'default',
      uid: 'uid-deployment',
      generation: 1,
      resourceVersion: '1',
    },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'echo' } },
      template: {
        metadata: { labels: { app: 'echo' } },
        spec: { containers: [{ name: 'main', image }] },
      },
    },
  };
}

/** A ReplicaSet of the echo app. */
export function replicaSet(replicas: number, name = 'echo-1'): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, generation: 1, resourceVersion: '1' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'echo' } },
      template: { metadata: { labels: { app: 'echo' } }, spec: { containers: [{ name: 'main' }] } },
    },
  };
}

/** A Service that selects the echo app. */
export function service(spec: Partial<NonNullable<Service['spec']>> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'echo', namespace: 'default', uid: 'uid-service', resourceVersion: '1' },
    spec: {
      selector: { app: 'echo' },
      ipFamilies: ['IPv4'],
      clusterIP: '10.96.0.10',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }],
      ...spec,
    },
  };
}
