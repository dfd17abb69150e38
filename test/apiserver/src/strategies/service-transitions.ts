// SPDX-License-Identifier: Apache-2.0
import {
  isExternallyAccessible,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePort,
  type Service,
  type ServiceSpec,
  type SpecChanges,
  sameList,
  withSpec,
} from '../api/service.ts';

/** Takes over allocated values that a client left out of an update: addresses, node ports, the health check port. */
export function keepAllocated(next: Service, previous: Service): Service {
  const changes: Record<string, unknown> = {};
  const before = previous.spec;
  const after = next.spec;
  if (needsClusterIp(before) && needsClusterIp(after)) {
    if ((after.clusterIP ?? '') === '') changes.clusterIP = before.clusterIP;
    if ((after.clusterIPs?.length ?? 0) === 0) changes.clusterIPs = before.clusterIPs;
  }
  if (needsNodePort(before) && needsNodePort(after)) changes.ports = keepNodePorts(after, before);
  if (needsHealthCheckPort(before) && needsHealthCheckPort(after) && (after.healthCheckNodePort ?? 0) === 0) {
    changes.healthCheckNodePort = before.healthCheckNodePort;
  }
  return withSpec(next, changes as SpecChanges);
}

/** Ports are recognised by name; a node port that another new port names stays with that one. */
function keepNodePorts(after: ServiceSpec, before: ServiceSpec): ServiceSpec['ports'] {
  const asked = new Set(after.ports?.map((port) => port.nodePort ?? 0));
  const byName = new Map(before.ports?.map((port) => [port.name ?? '', port.nodePort ?? 0]));
  return after.ports?.map((port) => {
    const known = byName.get(port.name ?? '') ?? 0;
    if ((port.nodePort ?? 0) !== 0 || known === 0 || asked.has(known)) return port;
    return { ...port, nodePort: known };
  });
}

/**
 * Clears what no longer applies after a change of type, unless the client changed it too (then validation complains):
 * cluster addresses for ExternalName, node ports for ClusterIP, load balancer settings and status for everything else.
 */
export function dropForType(next: Service, previous: Service): Service {
  const before = previous.spec;
  const after = next.spec;
  const changes: Record<string, unknown> = {};
  if (needsClusterIp(before) && !needsClusterIp(after)) {
    if (
      (before.clusterIP ?? '') === (after.clusterIP ?? '') &&
      sameList(before.clusterIPs, after.clusterIPs)
    ) {
      changes.clusterIP = undefined;
      changes.clusterIPs = undefined;
    }
    if (sameList(before.ipFamilies, after.ipFamilies)) changes.ipFamilies = undefined;
    if (before.ipFamilyPolicy === after.ipFamilyPolicy) changes.ipFamilyPolicy = undefined;
  }
  if (needsNodePort(before) && !needsNodePort(after) && addsNoNodePort(after, before)) {
    changes.ports = after.ports?.map(({ nodePort: _dropped, ...port }) => port);
  }
  dropForReach(changes, after, before);
  const result = withSpec(next, changes as SpecChanges);
  return after.type === 'LoadBalancer'
    ? result
    : { ...result, status: { ...result.status, loadBalancer: {} } };
}

/** What only load balancers, or Services reachable from outside, have. */
function dropForReach(changes: Record<string, unknown>, after: ServiceSpec, before: ServiceSpec): void {
  if (
    needsHealthCheckPort(before) &&
    !needsHealthCheckPort(after) &&
    before.healthCheckNodePort === after.healthCheckNodePort
  ) {
    changes.healthCheckNodePort = undefined;
  }
  if (before.type === 'LoadBalancer' && after.type !== 'LoadBalancer') {
    if (before.allocateLoadBalancerNodePorts === after.allocateLoadBalancerNodePorts) {
      changes.allocateLoadBalancerNodePorts = undefined;
    }
    if (before.loadBalancerClass === after.loadBalancerClass) changes.loadBalancerClass = undefined;
  }
  if (
    isExternallyAccessible(before) &&
    !isExternallyAccessible(after) &&
    before.externalTrafficPolicy === after.externalTrafficPolicy
  ) {
    changes.externalTrafficPolicy = undefined;
  }
}

function addsNoNodePort(after: ServiceSpec, before: ServiceSpec): boolean {
  const known = new Set(before.ports?.map((port) => port.nodePort ?? 0));
  return (after.ports ?? []).every((port) => (port.nodePort ?? 0) === 0 || known.has(port.nodePort ?? 0));
}
