// SPDX-License-Identifier: Apache-2.0
import {
  isExternallyAccessible,
  isHeadless,
  needsHealthCheckPort,
  type Service,
  type ServiceSpec,
} from '../api/service.ts';
import type { Cause } from '../api/status.ts';
import { forbiddenValue, invalidFor, invalidValue, requiredValue, unsupportedValue } from './field.ts';
import { familyOf, validateCidr, validateEndpointAddress, validateIp } from './ip.ts';
import { validateLabels } from './labels.ts';
import { dns1123Subdomain, qualifiedName } from './names.ts';
import { validateClusterIps, validateClusterIpsUpdate } from './service-cluster-ips.ts';
import { validateHealthCheckPort, validatePorts, validatePortsTogether } from './service-ports.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const AFFINITIES = ['ClientIP', 'None'];
const TRAFFIC_POLICIES = ['Cluster', 'Local'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
const IP_MODES = ['Proxy', 'VIP'];
const SOURCE_RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const MAX_AFFINITY_SECONDS = 86_400;
const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'";

/** What is wrong with a Service; `previous` is the stored one on update. Order and words are the real server's. */
export function validateService(service: Service, previous: Service | undefined): Cause[] {
  const { spec } = service;
  const ports = spec.ports ?? [];
  const causes: Cause[] = [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') {
    causes.push(requiredValue('spec.ports'));
  }
  causes.push(...validateType(spec), ...validatePorts(ports));
  if (spec.selector !== undefined) causes.push(...validateLabels('spec.selector', spec.selector));
  causes.push(...validateAffinity(spec), ...validateClusterIps(spec, previous?.spec));
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    const field = `spec.externalIPs[${index}]`;
    const wrong = validateIp(field, ip, previous?.spec.externalIPs);
    causes.push(...(wrong.length > 0 ? wrong : validateEndpointAddress(field, ip)));
  }
  if (!TYPES.includes(spec.type ?? '')) causes.push(unsupportedValue('spec.type', spec.type, TYPES));
  causes.push(...validatePortsTogether(spec), ...validateSourceRanges(service, previous));
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== 'LoadBalancer') {
    causes.push(forbiddenValue('spec.allocateLoadBalancerNodePorts', ONLY_LOAD_BALANCER));
  }
  causes.push(...validateClass(spec), ...validateTraffic(spec));
  return causes;
}

/** What is wrong with a change of a Service, beyond what is wrong with the new one. */
export function validateServiceUpdate(next: Service, previous: Service): Cause[] {
  const causes = validateClusterIpsUpdate(next.spec, previous.spec);
  if (
    next.spec.type === 'LoadBalancer' &&
    previous.spec.type === 'LoadBalancer' &&
    next.spec.loadBalancerClass !== previous.spec.loadBalancerClass
  ) {
    causes.push(
      invalidValue('spec.loadBalancerClass', next.spec.loadBalancerClass, 'may not change once set'),
    );
  }
  if (
    needsHealthCheckPort(next.spec) &&
    needsHealthCheckPort(previous.spec) &&
    next.spec.healthCheckNodePort !== previous.spec.healthCheckNodePort
  ) {
    causes.push(forbiddenValue('spec.healthCheckNodePort', 'field is immutable'));
  }
  return [...causes, ...validateService(next, previous)];
}

function validateType(spec: ServiceSpec): Cause[] {
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') {
    if (!isHeadless(spec)) return [];
    return [
      invalidValue(
        'spec.clusterIPs[0]',
        spec.clusterIPs?.[0],
        `may not be set to 'None' for ${spec.type} services`,
      ),
    ];
  }
  if (spec.type !== 'ExternalName') return [];
  const causes: Cause[] = [];
  const detail = 'may not be set for ExternalName services';
  if ((spec.clusterIPs?.length ?? 0) > 0) causes.push(forbiddenValue('spec.clusterIPs', detail));
  if ((spec.ipFamilies?.length ?? 0) > 0) causes.push(forbiddenValue('spec.ipFamilies', detail));
  if (spec.ipFamilyPolicy !== undefined) causes.push(forbiddenValue('spec.ipFamilyPolicy', detail));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') causes.push(requiredValue('spec.externalName'));
  else causes.push(...invalidFor('spec.externalName', name, dns1123Subdomain(name)));
  return causes;
}

function validateAffinity(spec: ServiceSpec): Cause[] {
  const affinity = spec.sessionAffinity ?? '';
  if (affinity === '') return [requiredValue('spec.sessionAffinity')];
  if (!AFFINITIES.includes(affinity)) return [unsupportedValue('spec.sessionAffinity', affinity, AFFINITIES)];
  if (affinity === 'None') return [];
  const field = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 0;
  return seconds > 0 && seconds <= MAX_AFFINITY_SECONDS
    ? []
    : [invalidValue(field, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`)];
}

function validateSourceRanges(service: Service, previous: Service | undefined): Cause[] {
  const ranges = service.spec.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0) {
    const field = 'spec.LoadBalancerSourceRanges';
    const known = previous?.spec.loadBalancerSourceRanges?.map((range) => range.trim());
    return [
      ...(service.spec.type === 'LoadBalancer' ? [] : [forbiddenValue(field, ONLY_LOAD_BALANCER)]),
      ...ranges.flatMap((range, index) => validateCidr(`${field}[${index}]`, range.trim(), known)),
    ];
  }
  const annotation = service.metadata.annotations?.[SOURCE_RANGES_ANNOTATION];
  if (annotation === undefined) return [];
  const field = `metadata.annotations[${SOURCE_RANGES_ANNOTATION}]`;
  const causes = service.spec.type === 'LoadBalancer' ? [] : [forbiddenValue(field, ONLY_LOAD_BALANCER)];
  if (annotation.trim() === '' || previous?.metadata.annotations?.[SOURCE_RANGES_ANNOTATION] === annotation) {
    return causes;
  }
  return [
    ...causes,
    ...annotation
      .trim()
      .split(',')
      .flatMap((range) => validateCidr(field, range.trim())),
  ];
}

function validateClass(spec: ServiceSpec): Cause[] {
  const field = 'spec.loadBalancerClass';
  if (spec.loadBalancerClass === undefined) return [];
  if (spec.type !== 'LoadBalancer') return [forbiddenValue(field, ONLY_LOAD_BALANCER)];
  return invalidFor(field, spec.loadBalancerClass, qualifiedName(spec.loadBalancerClass));
}

function validateTraffic(spec: ServiceSpec): Cause[] {
  const causes: Cause[] = [];
  const external = spec.externalTrafficPolicy;
  const field = 'spec.externalTrafficPolicy';
  if (!isExternallyAccessible(spec)) {
    if (external !== undefined) {
      causes.push(invalidValue(field, external, 'may only be set for externally-accessible services'));
    }
  } else if (external === undefined) {
    causes.push(requiredValue(field));
  } else if (!TRAFFIC_POLICIES.includes(external)) {
    causes.push(unsupportedValue(field, external, TRAFFIC_POLICIES));
  }
  causes.push(...validateHealthCheckPort(spec, needsHealthCheckPort(spec)));
  if (spec.internalTrafficPolicy !== undefined && !TRAFFIC_POLICIES.includes(spec.internalTrafficPolicy)) {
    causes.push(unsupportedValue('spec.internalTrafficPolicy', spec.internalTrafficPolicy, TRAFFIC_POLICIES));
  }
  if (spec.trafficDistribution !== undefined && !DISTRIBUTIONS.includes(spec.trafficDistribution)) {
    causes.push(unsupportedValue('spec.trafficDistribution', spec.trafficDistribution, DISTRIBUTIONS));
  }
  return causes;
}

/** What is wrong with a new status; conditions are not looked at, as in the real server. */
export function validateServiceStatus(next: Service, previous: Service): Cause[] {
  const ingress = next.status?.loadBalancer?.ingress ?? [];
  const field = 'status.loadBalancer.ingress';
  if (next.spec.type !== 'LoadBalancer') {
    if (ingress.length === 0) return [];
    return [forbiddenValue(field, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  const known = (previous.status?.loadBalancer?.ingress ?? []).flatMap((item) => item.ip ?? []);
  return ingress.flatMap((item, index) => {
    const path = `${field}[${index}]`;
    const causes: Cause[] = [];
    if (item.ip !== undefined) causes.push(...validateIp(`${path}.ip`, item.ip, known));
    if (item.ipMode === undefined) {
      if (item.ip !== undefined)
        causes.push(requiredValue(`${path}.ipMode`, 'must be specified when `ip` is set'));
    } else if (item.ip === undefined) {
      causes.push(forbiddenValue(`${path}.ipMode`, 'may not be specified when `ip` is not set'));
    } else if (!IP_MODES.includes(item.ipMode)) {
      causes.push(unsupportedValue(`${path}.ipMode`, item.ipMode, IP_MODES));
    }
    if (item.hostname !== undefined) {
      causes.push(...invalidFor(`${path}.hostname`, item.hostname, dns1123Subdomain(item.hostname)));
      if (familyOf(item.hostname) !== undefined) {
        causes.push(invalidValue(`${path}.hostname`, item.hostname, 'must be a DNS name, not an IP address'));
      }
    }
    return causes;
  });
}
