// SPDX-License-Identifier: Apache-2.0
import type { Service, ServicePort } from '@fairlead/shared/kubernetes/objects.ts';

/** A port: `80`, `UDP/53`. */
export type PortText = `${number}` | `${string}/${number}`;

/** What a test wants to be special about a Service. */
export interface ServiceTraits {
  readonly namespace?: string;
  readonly type?: 'LoadBalancer' | 'ClusterIP' | 'NodePort';
  readonly annotation?: string;
  readonly loadBalancerIP?: string;
  readonly loadBalancerClass?: string;
  /** IPs in the status. */
  readonly ingress?: readonly string[];
  readonly labelled?: boolean;
  readonly finalizer?: boolean;
  readonly deleted?: boolean;
  readonly policy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  readonly ipFamilies?: readonly ('IPv4' | 'IPv6')[];
  readonly createdAt?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** One TCP port by default. */
  readonly ports?: readonly PortText[];
  readonly selector?: Readonly<Record<string, string>>;
  readonly trafficPolicy?: 'Cluster' | 'Local';
}

/** A Service as the API server would show it: LoadBalancer, one port, single-stack IPv4 unless told otherwise. */
export function service(name: string, traits: ServiceTraits = {}): Service {
  const { annotation, loadBalancerIP, loadBalancerClass, ingress } = traits;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: traits.namespace ?? 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: traits.createdAt ?? '2026-01-01T00:00:00Z',
      labels: { app: name, ...traits.labels, ...(traits.labelled && { implementation: 'kube-vip' }) },
      annotations: {
        'example.org/keep': 'yes',
        ...traits.annotations,
        ...(annotation !== undefined && { 'kube-vip.io/loadbalancerIPs': annotation }),
      },
      ...(traits.finalizer && { finalizers: ['service.kubernetes.io/load-balancer-cleanup'] }),
      ...(traits.deleted && { deletionTimestamp: '2026-02-01T00:00:00Z' }),
    },
    spec: {
      type: traits.type ?? 'LoadBalancer',
      ports: (traits.ports ?? ['TCP/80']).map((text) => portOf(text)),
      ...(traits.selector && { selector: traits.selector }),
      ...(traits.trafficPolicy && { externalTrafficPolicy: traits.trafficPolicy }),
      ipFamilyPolicy: traits.policy ?? 'SingleStack',
      ipFamilies: traits.ipFamilies ?? (traits.policy === undefined ? ['IPv4'] : ['IPv4', 'IPv6']),
      ...(loadBalancerIP !== undefined && { loadBalancerIP }),
      ...(loadBalancerClass !== undefined && { loadBalancerClass }),
    },
    status: { loadBalancer: ingress === undefined ? {} : { ingress: ingress.map((ip) => ({ ip })) } },
  };
}

/** A port as a spec has it. */
export function portOf(text: PortText): ServicePort {
  const [port = '', protocol = 'TCP'] = text.split('/').reverse();
  return { port: Number(port), protocol };
}

/** A Service as a cloud provider leaves it: annotation, first address in the spec, label, finalizer. */
export function allocatedService(name: string, addresses: string, traits: ServiceTraits = {}): Service {
  const [first = ''] = addresses.split(',');
  return service(name, {
    annotation: addresses,
    loadBalancerIP: first,
    labelled: true,
    finalizer: true,
    ...traits,
  });
}
