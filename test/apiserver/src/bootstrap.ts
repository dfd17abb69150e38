// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net';
import type { ApiObject } from './api/objects.ts';
import { StatusError } from './api/status.ts';
import { BOOTSTRAP_BINDINGS, BOOTSTRAP_ROLES } from './auth/bootstrap-policy.ts';
import { resource } from './resources/catalog.ts';
import { type Cluster, INTERNAL_WRITE } from './resources/cluster.ts';
import { createObject } from './resources/create.ts';

/** What the first objects of a cluster depend on. */
export interface BootstrapOptions {
  /** Address and port the API server is reached at. */
  readonly address: string;
  readonly port: number;
  readonly serviceCidrs: readonly string[];
}

const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** Makes what every cluster starts with; leaves alone what is there. */
export function bootstrapCluster(cluster: Cluster, options: BootstrapOptions): void {
  const add = (group: string, plural: string, namespace: string, object: ApiObject): void => {
    try {
      createObject(cluster, resource(group, plural), namespace, object, INTERNAL_WRITE);
    } catch (error) {
      if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
    }
  };
  for (const name of NAMESPACES) {
    const metadata = { name, labels: { 'kubernetes.io/metadata.name': name } };
    add('', 'namespaces', '', { apiVersion: 'v1', kind: 'Namespace', metadata });
  }
  for (const role of BOOTSTRAP_ROLES) add('rbac.authorization.k8s.io', 'clusterroles', '', role);
  for (const binding of BOOTSTRAP_BINDINGS) {
    add('rbac.authorization.k8s.io', 'clusterrolebindings', '', binding);
  }
  add('networking.k8s.io', 'servicecidrs', '', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: options.serviceCidrs },
  });
  add('', 'services', 'default', kubernetesService(options));
  // Endpoints may not be on the loopback, so a server there has none: nothing could reach it from a pod anyway.
  if (options.address === '::1' || options.address.startsWith('127.')) return;
  const port = { name: 'https', port: options.port, protocol: 'TCP' };
  add('', 'endpoints', 'default', {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'kubernetes', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: options.address }], ports: [port] }],
  });
  add('discovery.k8s.io', 'endpointslices', 'default', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: isIPv6(options.address) ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [options.address], conditions: { ready: true } }],
    ports: [port],
  });
}

function kubernetesService({ port, serviceCidrs }: BootstrapOptions): ApiObject {
  const first = firstAddress(serviceCidrs[0] ?? '10.96.0.0/16');
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: first,
      clusterIPs: [first],
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
    },
  };
}

/** The first usable address of a range, which the `kubernetes` Service has by convention. */
function firstAddress(cidr: string): string {
  const base = cidr.split('/')[0] ?? '';
  if (isIPv6(base)) return base.endsWith('::') ? `${base}1` : base;
  const octets = base.split('.').map(Number);
  return [...octets.slice(0, 3), (octets[3] ?? 0) + 1].join('.');
}
