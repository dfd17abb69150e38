// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, isUnspecified } from '@fairlead/shared/address/address.ts';
import { standingRefusal } from '@fairlead/shared/kubernetes/allocation-condition.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { AGENT_REASON, type ServiceProblem } from './problem.ts';

/** The addresses that a Service is to be reached at. */
export interface ServiceAddresses {
  /** Canonical text, in the order in which the status names them, without repeats. */
  readonly addresses: readonly string[];
  /** The Service names some, and the cloud provider refused them. */
  readonly refused: boolean;
  readonly problems: readonly ServiceProblem[];
}

/**
 * The addresses that a Service names, unless the cloud provider refused them: then none, and the reason why. A refusal of
 * what the Service named earlier does not count. Pure.
 */
export function addressesOf(service: Service): ServiceAddresses {
  const named = namedAddresses(service);
  const refusal = named.addresses.length === 0 ? undefined : standingRefusal(service);
  if (refusal === undefined) return named;
  const message = `no node answers for ${named.addresses.join(' and ')}: ${refusal.message || refusal.reason}`;
  const problem = { reason: AGENT_REASON.addressRefused, message };
  return { addresses: [], refused: true, problems: [...named.problems, problem] };
}

/**
 * Where kube-vip looks: the annotation when it exists (even empty); else the status, unless `spec.loadBalancerIP` names
 * another address of the same family; else the spec. Entries we cannot use are reported and left out; the others count.
 */
function namedAddresses(service: Service): ServiceAddresses {
  const annotation = service.metadata?.annotations?.[ANNOTATION.loadBalancerIPs];
  if (annotation !== undefined) return read(annotation.split(','), ANNOTATION.loadBalancerIPs);
  const wanted = service.spec?.loadBalancerIP ?? '';
  const status = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  if (status.length > 0 && !contradicts(wanted, status)) return read(status, 'status.loadBalancer');
  return read([wanted], 'spec.loadBalancerIP');
}

function contradicts(wanted: string, status: readonly string[]): boolean {
  const address = addressOf(wanted);
  if (address === undefined) return false;
  const sameFamily = status
    .flatMap((text) => addressOf(text) ?? [])
    .filter((ip) => ip.family === address.family);
  return sameFamily.length > 0 && sameFamily.every((ip) => ip.value !== address.value);
}

function read(entries: readonly string[], source: string): ServiceAddresses {
  const addresses = new Set<string>();
  const problems: ServiceProblem[] = [];
  for (const entry of entries) {
    const text = entry.trim();
    if (text === '') continue;
    const address = addressOf(text);
    if (address === undefined) problems.push(unusable(text, source));
    else if (isUnspecified(address)) {
      const message = `${source} has "${text}", which asks for a DHCP address; DHCP is not supported yet`;
      problems.push({ reason: AGENT_REASON.addressUnsupported, message });
    } else addresses.add(formatAddress(address));
  }
  return { addresses: [...addresses], refused: false, problems };
}

function unusable(text: string, source: string): ServiceProblem {
  const isName = /^(?=.*[a-zA-Z])[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$/.test(text) && text.includes('.');
  return isName
    ? {
        reason: AGENT_REASON.addressUnsupported,
        message: `${source} has the DNS name "${text}"; names as addresses are not supported yet`,
      }
    : {
        reason: AGENT_REASON.invalidRequest,
        message: `${source} has "${text}"; expected an IP address such as 192.0.2.10 or 2001:db8::10`,
      };
}
