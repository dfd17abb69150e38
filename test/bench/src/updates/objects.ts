// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice, Lease, Service } from '@fairlead/shared/kubernetes/objects.ts';

/** Endpoints of each Service. */
export const ENDPOINTS = 10;
/** The Service whose endpoints change. */
export const TARGET = 'target';
export const TARGET_ADDRESS = '172.18.200.1';
export const TARGET_PORT = 53;
export const ENDPOINT_PORT = 5353;
/** Of the target: one more than it has at a time, so that one can take the place of another. */
export const TARGET_ENDPOINTS = Array.from({ length: ENDPOINTS + 1 }, (_, index) => `10.250.0.${index + 1}`);

/** The Lease that all Services are under but the target: a holder that is no node of the lab has it for good. */
export const ELSEWHERE: Lease = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { namespace: 'kube-system', name: 'plndr-svcs-lock' },
  spec: { holderIdentity: 'elsewhere', leaseDurationSeconds: 86_400 },
};

/** Settings of agents that leave all Services to the holder of that Lease, except those that ask for a Lease of their own. */
export const LEAVING_TO_OTHERS: Readonly<Record<string, string>> = {
  fairlead_engine: 'lease',
  svc_election: 'false',
  per_service_election_on_demand: 'true',
};

/** A Service without a selector, so that its slices are ours; `here`: its address is to be on the node of the lab. */
export function serviceOf(name: string, address: string, where: 'here' | 'elsewhere'): Service {
  const own = { 'kube-vip.io/forcePerServiceElection': 'true' };
  const protocol = where === 'here' ? 'UDP' : 'TCP';
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      namespace: 'default',
      name,
      annotations: { 'kube-vip.io/loadbalancerIPs': address, ...(where === 'here' && own) },
    },
    spec: {
      type: 'LoadBalancer',
      allocateLoadBalancerNodePorts: false,
      ports: [{ name: 'dns', port: TARGET_PORT, targetPort: ENDPOINT_PORT, protocol }],
    },
  };
}

/** Its slice. */
export function sliceOf(
  service: string,
  addresses: readonly string[],
  protocol: 'UDP' | 'TCP' = 'UDP',
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace: 'default',
      name: `${service}-1`,
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    ports: [{ name: 'dns', port: ENDPOINT_PORT, protocol }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

/** Address of one of the many: in the switch's subnet, above all hosts. */
export function addressOfBulk(index: number): string {
  return `172.18.${8 + Math.floor(index / 250)}.${1 + (index % 250)}`;
}

/** Endpoints of one of the many, which nobody ever asks. */
export function endpointsOfBulk(index: number): readonly string[] {
  return Array.from(
    { length: ENDPOINTS },
    (_, each) => `10.${60 + Math.floor(index / 250)}.${index % 250}.${each + 1}`,
  );
}
