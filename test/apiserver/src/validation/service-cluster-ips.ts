// SPDX-License-Identifier: Apache-2.0
import { HEADLESS, isHeadless, needsClusterIp, type ServiceSpec } from '../api/service.ts';
import type { Cause } from '../api/status.ts';
import { duplicateValue, invalidValue, requiredValue, unsupportedValue } from './field.ts';
import { familyOf, validateIp } from './ip.ts';

const IPS = 'spec.clusterIPs';
const FAMILIES = 'spec.ipFamilies';
const POLICY = 'spec.ipFamilyPolicy';
const FAMILY_NAMES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

/** clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy, each and against each other. */
export function validateClusterIps(spec: ServiceSpec, previous: ServiceSpec | undefined): Cause[] {
  if (!needsClusterIp(spec)) return [];
  const ips = spec.clusterIPs ?? [];
  const causes = [...validateSingular(spec), ...validateFamilies(spec)];
  if (spec.ipFamilyPolicy !== undefined && !POLICIES.includes(spec.ipFamilyPolicy)) {
    causes.push(unsupportedValue(POLICY, spec.ipFamilyPolicy, POLICIES));
  }
  const wrong = ips.flatMap((ip, index) => {
    if (index > 0 || ip !== HEADLESS) return validateIp(`${IPS}[${index}]`, ip, previous?.clusterIPs);
    return ips.length > 1 ? [invalidValue(IPS, ips, "'None' must be the first and only value")] : [];
  });
  causes.push(...wrong);
  if (ips.length > 2) causes.push(invalidValue(IPS, ips, 'may only hold up to 2 values'));
  if (wrong.length > 0) return causes;
  if (ips.length > 1 && !isDualStack(ips)) {
    causes.push(invalidValue(IPS, ips, 'may specify no more than one IP for each IP family'));
  }
  if (!isHeadless(spec)) causes.push(...validateMatch(spec));
  return causes;
}

function validateSingular(spec: ServiceSpec): Cause[] {
  const ips = spec.clusterIPs ?? [];
  const singular = spec.clusterIP ?? '';
  if (singular === '') {
    return ips.length > 0 ? [invalidValue(IPS, ips, 'must be empty when `clusterIP` is not specified')] : [];
  }
  if (ips.length === 0) return [requiredValue(IPS)];
  return ips[0] === singular ? [] : [invalidValue(IPS, ips, 'first value must match `clusterIP`')];
}

function validateFamilies(spec: ServiceSpec): Cause[] {
  const seen = new Set<string>();
  return (spec.ipFamilies ?? []).flatMap((family, index) => {
    const field = `${FAMILIES}[${index}]`;
    const causes = FAMILY_NAMES.includes(family) ? [] : [unsupportedValue(field, family, FAMILY_NAMES)];
    if (seen.has(family)) causes.push(duplicateValue(field, family));
    seen.add(family);
    return causes;
  });
}

function isDualStack(ips: readonly string[]): boolean {
  const families = new Set(ips.map((ip) => familyOf(ip)));
  return families.has('IPv4') && families.has('IPv6');
}

function validateMatch(spec: ServiceSpec): Cause[] {
  return (spec.clusterIPs ?? []).flatMap((ip, index) => {
    const family = spec.ipFamilies?.[index];
    if (family !== 'IPv4' && family !== 'IPv6') return [];
    if (familyOf(ip) === family) return [];
    return [
      invalidValue(
        `${IPS}[${index}]`,
        ip,
        `expected an ${family} value as indicated by \`ipFamilies[${index}]\``,
      ),
    ];
  });
}

const ONCE_SET = 'may not change once set';

/** What may not change about addresses and families while a Service has them. */
export function validateClusterIpsUpdate(next: ServiceSpec, previous: ServiceSpec): Cause[] {
  if (!needsClusterIp(next) || !needsClusterIp(previous)) return [];
  return [...validateIpsChange(next, previous), ...validateFamiliesChange(next, previous)];
}

function validateIpsChange(next: ServiceSpec, previous: ServiceSpec): Cause[] {
  if (isHeadless(next) && isHeadless(previous)) return [];
  const before = previous.clusterIPs ?? [];
  const after = next.clusterIPs ?? [];
  const field = `${IPS}[0]`;
  if (before.length === after.length) {
    return before.flatMap((ip, index) =>
      ip === after[index] ? [] : [invalidValue(`${IPS}[${index}]`, after, ONCE_SET)],
    );
  }
  const causes: Cause[] = [];
  if (after.length === 0)
    causes.push(invalidValue(field, next.clusterIPs, 'primary clusterIP can not be unset'));
  if (before.length > 0 && after.length > 0 && before[0] !== after[0])
    causes.push(invalidValue(field, after, ONCE_SET));
  if (before.length > after.length && after.length === 1 && next.ipFamilyPolicy !== 'SingleStack') {
    const detail = "must be set to 'SingleStack' when releasing the secondary clusterIP";
    causes.push(invalidValue(POLICY, next.ipFamilyPolicy, detail));
  }
  return causes;
}

function validateFamiliesChange(next: ServiceSpec, previous: ServiceSpec): Cause[] {
  if (isHeadless(next) || isHeadless(previous)) return [];
  const before = previous.ipFamilies ?? [];
  const after = next.ipFamilies ?? [];
  const field = `${FAMILIES}[0]`;
  if (before.length === after.length) {
    return before.flatMap((family, index) =>
      family === after[index] ? [] : [invalidValue(field, after, ONCE_SET)],
    );
  }
  const causes: Cause[] = [];
  const shrinks = before.length > after.length;
  if (shrinks && (next.clusterIPs?.length ?? 0) === 0) {
    causes.push(invalidValue(field, next.ipFamilies, 'primary ipFamily can not be unset'));
  }
  if (before.length > 0 && after.length > 0 && before[0] !== after[0]) {
    causes.push(invalidValue(field, next.clusterIPs, ONCE_SET));
  }
  if (shrinks && after.length === 1 && next.ipFamilyPolicy !== 'SingleStack') {
    const detail = "must be set to 'SingleStack' when releasing the secondary ipFamily";
    causes.push(invalidValue(POLICY, next.ipFamilyPolicy, detail));
  }
  return causes;
}
