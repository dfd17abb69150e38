// SPDX-License-Identifier: Apache-2.0
import type { ApiObject } from '../api/objects.ts';
import {
  asService,
  type Ingress,
  isExternallyAccessible,
  needsNodePort,
  type Service,
  type SpecChanges,
  withSpec,
} from '../api/service.ts';

/** Seconds a client keeps its endpoint under `sessionAffinity: ClientIP`. */
const AFFINITY_TIMEOUT_SECONDS = 10_800;

/** Defaults of a Service (v1). */
export function defaultService(object: ApiObject): ApiObject {
  const service = asService(object);
  const typed = withSpec(service, { type: service.spec.type ?? 'ClusterIP' });
  const { spec } = typed;
  const complete = withSpec(typed, {
    ...affinity(spec),
    ports: spec.ports?.map((port) => ({
      ...port,
      protocol: port.protocol ?? 'TCP',
      targetPort:
        port.targetPort === undefined || port.targetPort === 0 || port.targetPort === ''
          ? port.port
          : port.targetPort,
    })),
    ...(isExternallyAccessible(spec)
      ? { externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster' }
      : {}),
    ...(needsNodePort(spec) || spec.type === 'ClusterIP'
      ? { internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster' }
      : {}),
    ...(spec.type === 'LoadBalancer'
      ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true }
      : {}),
  });
  return spec.type === 'LoadBalancer' ? withIngressMode(complete) : complete;
}

function affinity(spec: Service['spec']): SpecChanges {
  const mode = spec.sessionAffinity ?? 'None';
  if (mode === 'None') return { sessionAffinity: mode, sessionAffinityConfig: undefined };
  if (mode !== 'ClientIP' || spec.sessionAffinityConfig?.clientIP?.timeoutSeconds !== undefined) return {};
  return { sessionAffinityConfig: { clientIP: { timeoutSeconds: AFFINITY_TIMEOUT_SECONDS } } };
}

/** An ingress address is a virtual IP unless it says otherwise. */
function withIngressMode(service: Service): Service {
  const ingress = service.status?.loadBalancer?.ingress;
  if (ingress === undefined || ingress.every((item) => item.ip === undefined || item.ipMode !== undefined))
    return service;
  const complete = ingress.map(
    (item): Ingress => (item.ip === undefined ? item : { ipMode: 'VIP', ...item }),
  );
  return {
    ...service,
    status: { ...service.status, loadBalancer: { ...service.status?.loadBalancer, ingress: complete } },
  };
}
