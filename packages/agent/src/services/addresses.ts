// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, isUnspecified } from '@fairlead/shared/address/address.ts';
import { standingRefusal } from '@fairlead/shared/kubernetes/allocation-condition.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { DhcpRequest } from '../dhcp/dhcp-addresses.ts';
import { readDhcpRequest } from '../dhcp/request.ts';
import { hostNameOf } from '../dns/host-name.ts';
import type { NameLookup } from '../dns/name-watcher.ts';
import { resolvedEntries } from './named-entries.ts';
import { AGENT_REASON, type ServiceProblem } from './problem.ts';

/** The addresses that a Service is to be reached at. */
export interface ServiceAddresses {
  /** Canonical text, in the order in which the status names them, without repeats. */
  readonly addresses: readonly string[];
  /** What stands behind the ownership keys among them. */
  readonly dhcp: readonly DhcpRequest[];
  /** The Service names some, and the cloud provider refused them. */
  readonly refused: boolean;
  /** DNS names among its entries, whether they are resolved or not. */
  readonly names: readonly string[];
  readonly problems: readonly ServiceProblem[];
}

/** What else it takes to know the addresses of a Service. */
export interface AddressSources {
  /** Undefined: names have no addresses. */
  readonly names?: Pick<NameLookup, 'mode' | 'stateOf'>;
}

/**
 * The addresses that a Service names, unless the cloud provider refused them: then none, and the reason why. A refusal of
 * what the Service named earlier does not count. Pure.
 */
export function addressesOf(service: Service, sources: AddressSources = {}): ServiceAddresses {
  const named = namedAddresses(service, sources);
  const refusal = named.addresses.length === 0 ? undefined : standingRefusal(service);
  if (refusal === undefined) return named;
  const message = `no node answers for ${named.addresses.join(' and ')}: ${refusal.message || refusal.reason}`;
  const problem = { reason: AGENT_REASON.addressRefused, message };
  return { ...named, addresses: [], dhcp: [], refused: true, problems: [...named.problems, problem] };
}

/**
 * Where kube-vip looks: the annotation when it exists (even empty); else the status, unless `spec.loadBalancerIP` names
 * another address of the same family; else the spec. Entries we cannot use are reported and left out; the others count.
 */
function namedAddresses(service: Service, sources: AddressSources): ServiceAddresses {
  const annotation = service.metadata?.annotations?.[ANNOTATION.loadBalancerIPs];
  const wanted = service.spec?.loadBalancerIP ?? '';
  const status = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  const from = (entries: readonly string[], source: string) =>
    read(service, entries, source, status, sources);
  if (annotation !== undefined) return from(annotation.split(','), ANNOTATION.loadBalancerIPs);
  const isStatusTrue = status.length > 0 && hostNameOf(wanted) === undefined && !contradicts(wanted, status);
  return isStatusTrue ? from(status, 'status.loadBalancer') : from([wanted], 'spec.loadBalancerIP');
}

function contradicts(wanted: string, status: readonly string[]): boolean {
  const address = addressOf(wanted);
  if (address === undefined) return false;
  const sameFamily = status
    .flatMap((text) => addressOf(text) ?? [])
    .filter((ip) => ip.family === address.family);
  return sameFamily.length > 0 && sameFamily.every((ip) => ip.value !== address.value);
}

function read(
  service: Service,
  entries: readonly string[],
  source: string,
  status: readonly string[],
  { names }: AddressSources,
): ServiceAddresses {
  const addresses = new Set<string>();
  const dhcp = new Map<string, DhcpRequest>();
  const problems: ServiceProblem[] = [];
  const found =
    names === undefined
      ? undefined
      : resolvedEntries(
          entries.map((entry) => entry.trim()),
          status,
          names,
        );
  for (const entry of entries) {
    const text = entry.trim();
    if (text === '') continue;
    const address = addressOf(text);
    const name = address === undefined ? hostNameOf(text) : undefined;
    // Its addresses come after the others, as in kube-vip's status.
    if (name !== undefined && found !== undefined) continue;
    if (address === undefined) problems.push(unusable(text, source));
    else if (isUnspecified(address)) {
      const asked = readDhcpRequest(service, address.family);
      problems.push(...asked.problems);
      dhcp.set(asked.request.key, asked.request);
      addresses.add(asked.request.key);
    } else addresses.add(formatAddress(address));
  }
  for (const address of [...(found?.addresses.values() ?? [])].flat()) addresses.add(address);
  return {
    addresses: [...addresses],
    dhcp: [...dhcp.values()],
    refused: false,
    names: entries.flatMap((entry) => hostNameOf(entry.trim()) ?? []),
    problems: [...problems, ...(found?.problems ?? [])],
  };
}

function unusable(text: string, source: string): ServiceProblem {
  return {
    reason: AGENT_REASON.invalidRequest,
    message: `${source} has "${text}"; expected an IP address such as 192.0.2.10 or 2001:db8::10, or a DNS name such as lb.example.org`,
  };
}
