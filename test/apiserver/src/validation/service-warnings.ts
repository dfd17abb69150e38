// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net';
import { HEADLESS, isHeadless, type Service, type ServiceSpec } from '../api/service.ts';
import { addressNumber, addressText, familyOf } from './ip.ts';

/** Texts of the warnings that the real server gives about a Service it accepts. */
export function serviceWarnings(service: Service): string[] {
  const { spec } = service;
  const externalIps = spec.externalIPs ?? [];
  const isExternalName = spec.type === 'ExternalName';
  const warnings: string[] = [];
  for (const [index, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip !== HEADLESS) warnings.push(...ipWarnings(`spec.clusterIPs[${index}]`, ip));
  }
  if (isHeadless(spec)) warnings.push(...headlessWarnings(spec));
  for (const [index, ip] of externalIps.entries())
    warnings.push(...ipWarnings(`spec.externalIPs[${index}]`, ip));
  if (externalIps.length > 0 && !isHeadless(spec) && !isExternalName) {
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters');
  }
  if (spec.loadBalancerIP) warnings.push(...ipWarnings('spec.loadBalancerIP', spec.loadBalancerIP));
  if (isExternalName && externalIps.length > 0) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  }
  if (!isExternalName && spec.externalName) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  if (spec.trafficDistribution === 'PreferClose') {
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  }
  return warnings;
}

function headlessWarnings(spec: ServiceSpec): string[] {
  const ignored = [
    spec.loadBalancerIP ? 'loadBalancerIP' : '',
    (spec.externalIPs?.length ?? 0) > 0 ? 'externalIPs' : '',
    spec.sessionAffinity === 'None' ? '' : 'SessionAffinity',
  ];
  return ignored.filter((name) => name !== '').map((name) => `spec.${name} is ignored for headless services`);
}

/** Texts about addresses in a status. */
export function serviceStatusWarnings(service: Service): string[] {
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }, index) =>
    ip === undefined ? [] : ipWarnings(`status.loadBalancer.ingress[${index}]`, ip),
  );
}

function ipWarnings(field: string, ip: string): string[] {
  const family = familyOf(ip);
  const number = addressNumber(ip);
  if (family !== 'IPv6' || number === undefined || !isIPv6(ip)) return [];
  const canonical = addressText(number, family);
  if (canonical === ip) return [];
  return [`${field}: IPv6 address "${ip}" should be in RFC 5952 canonical format ("${canonical}")`];
}
