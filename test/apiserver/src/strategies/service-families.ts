// SPDX-License-Identifier: Apache-2.0
import { HEADLESS, needsClusterIp, type Service, sameList, withSpec } from '../api/service.ts';
import { type Cause, invalid } from '../api/status.ts';
import { invalidValue } from '../validation/field.ts';
import { familyOf, type IpFamily } from '../validation/ip.ts';
import { validateClusterIps } from '../validation/service-cluster-ips.ts';

/** Families that the cluster has Service addresses of; the first is the default. */
export type Families = readonly IpFamily[];

const SUBJECT = { group: '', kind: 'Service' };
const POLICY = 'spec.ipFamilyPolicy';

/**
 * Keeps `clusterIP` and `clusterIPs` in step for clients that know only one of them.
 */
export function alignClusterIps(next: Service, previous: Service | undefined): Service {
  const { spec } = next;
  const singular = spec.clusterIP ?? '';
  if (previous === undefined) {
    return singular !== '' && (spec.clusterIPs?.length ?? 0) === 0
      ? withSpec(next, { clusterIPs: [singular] })
      : next;
  }
  const before = previous.spec;
  let ips = spec.clusterIPs;
  if (
    (before.clusterIPs?.length ?? 0) > 0 &&
    (ips?.length ?? 0) === 0 &&
    (before.clusterIP ?? '') === singular
  ) {
    ips = before.clusterIPs;
  }
  if ((before.clusterIP ?? '') !== singular && sameList(before.clusterIPs, ips)) {
    ips = singular === '' ? undefined : [singular];
  }
  return withSpec(next, { clusterIPs: ips });
}

/**
 * Fills in `ipFamilyPolicy` and `ipFamilies` from what was given, what was before and what the cluster has.
 * Throws StatusError 422 when they contradict each other or the cluster.
 */
export function completeFamilies(next: Service, previous: Service | undefined, cluster: Families): Service {
  if (!needsClusterIp(next.spec) || keepsPreferredDualStack(next, previous)) return next;
  const named = withSpec(next, { ipFamilyPolicy: policyOf(next, previous) });
  refuse(next, validateClusterIps(named.spec, previous?.spec));
  const shrunk = previous === undefined ? named : shrink(named, previous);
  const causes = previous === undefined ? [] : validateShrink(shrunk, previous);
  causes.push(...validatePolicy(shrunk));
  const inferred = inferFamilies(shrunk, cluster, causes);
  refuse(next, causes);
  return addFamilies(inferred, cluster);
}

/** A dual-stack preference is not acted on again when nothing about it changes. */
function keepsPreferredDualStack(next: Service, previous: Service | undefined): boolean {
  if (previous === undefined || next.spec.ipFamilyPolicy !== 'PreferDualStack') return false;
  return (
    previous.spec.type === next.spec.type &&
    (previous.spec.ipFamilyPolicy ?? 'PreferDualStack') === 'PreferDualStack' &&
    sameList(previous.spec.clusterIPs, next.spec.clusterIPs) &&
    sameList(previous.spec.ipFamilies, next.spec.ipFamilies)
  );
}

function isHeadlessWithoutSelector(service: Service): boolean {
  return service.spec.clusterIP === HEADLESS && Object.keys(service.spec.selector ?? {}).length === 0;
}

function policyOf(next: Service, previous: Service | undefined): string {
  const known = next.spec.ipFamilyPolicy ?? previous?.spec.ipFamilyPolicy;
  return known ?? (isHeadlessWithoutSelector(next) ? 'RequireDualStack' : 'SingleStack');
}

/** `SingleStack` on a Service that had two of everything gives the second ones back. */
function shrink(next: Service, previous: Service): Service {
  const { spec } = next;
  if (spec.ipFamilyPolicy !== 'SingleStack') return next;
  return withSpec(next, {
    clusterIPs: sameList(previous.spec.clusterIPs, spec.clusterIPs)
      ? spec.clusterIPs?.slice(0, 1)
      : spec.clusterIPs,
    ipFamilies: sameList(previous.spec.ipFamilies, spec.ipFamilies)
      ? spec.ipFamilies?.slice(0, 1)
      : spec.ipFamilies,
  });
}

function validateShrink(next: Service, previous: Service): Cause[] {
  if (next.spec.ipFamilyPolicy === 'SingleStack') return [];
  const reduced = (after: readonly string[] = [], before: readonly string[] = []): boolean =>
    after.length > 0 && after.length < before.length;
  const causes: Cause[] = [];
  const policy = next.spec.ipFamilyPolicy;
  if (reduced(next.spec.clusterIPs, previous.spec.clusterIPs)) {
    causes.push(invalidValue(POLICY, policy, "must be 'SingleStack' to release the secondary cluster IP"));
  }
  if (reduced(next.spec.ipFamilies, previous.spec.ipFamilies)) {
    causes.push(invalidValue(POLICY, policy, "must be 'SingleStack' to release the secondary IP family"));
  }
  return causes;
}

function validatePolicy(service: Service): Cause[] {
  const { spec } = service;
  if (spec.ipFamilyPolicy !== 'SingleStack') return [];
  const detail = (what: string): string =>
    `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
  const causes: Cause[] = [];
  if (spec.clusterIPs?.length === 2)
    causes.push(invalidValue(POLICY, spec.ipFamilyPolicy, detail('cluster IPs')));
  if (spec.ipFamilies?.length === 2)
    causes.push(invalidValue(POLICY, spec.ipFamilyPolicy, detail('IP families')));
  return causes;
}

/** Families of addresses that were asked for; the cluster must have them. */
function inferFamilies(service: Service, cluster: Families, causes: Cause[]): Service {
  const families = [...(service.spec.ipFamilies ?? [])];
  for (const [index, ip] of (service.spec.clusterIPs ?? []).entries()) {
    if (ip === HEADLESS) break;
    const family = familyOf(ip);
    if (family === undefined || index < families.length) continue;
    if (cluster.includes(family)) families.push(family);
    else {
      const detail = `${family} is not configured on this cluster`;
      causes.push(invalidValue(`spec.clusterIPs[${index}]`, service.spec.clusterIPs, detail));
    }
  }
  return families.length === 0 ? service : withSpec(service, { ipFamilies: families });
}

function addFamilies(service: Service, cluster: Families): Service {
  const wantsTwo = service.spec.ipFamilyPolicy !== 'SingleStack';
  const given = service.spec.ipFamilies ?? [];
  if (!isHeadlessWithoutSelector(service)) {
    const causes: Cause[] = [];
    if (service.spec.ipFamilyPolicy === 'RequireDualStack' && cluster.length < 2) {
      const detail = 'this cluster is not configured for dual-stack services';
      causes.push(invalidValue(POLICY, service.spec.ipFamilyPolicy, detail));
    }
    for (const [index, family] of given.entries()) {
      if (cluster.includes(family)) continue;
      causes.push(invalidValue(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
    }
    refuse(service, causes);
  }
  const first = given[0] ?? cluster[0] ?? 'IPv4';
  const families = given.length === 0 ? [first] : [...given];
  const mayHaveTwo = isHeadlessWithoutSelector(service) || cluster.length === 2;
  if (wantsTwo && mayHaveTwo && families.length === 1) families.push(first === 'IPv4' ? 'IPv6' : 'IPv4');
  return withSpec(service, { ipFamilies: families });
}

function refuse(service: Service, causes: readonly Cause[]): void {
  if (causes.length > 0) throw invalid(SUBJECT, service.metadata.name ?? '', causes);
}
