// SPDX-License-Identifier: Apache-2.0
import { addressOf, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { isGroupMac, ZERO_MAC } from '../announce/mac.ts';
import { AGENT_REASON, type ServiceProblem } from '../services/problem.ts';
import type { DhcpIdentity, DhcpRequest } from './dhcp-addresses.ts';
import { clientOf, derivedMac } from './identity.ts';
import { parseNotedLeases } from './noted-lease.ts';
import { ownershipKey } from './ownership-key.ts';

/** Longest host name that every server takes (RFC 1035, 2.3.4). */
const HOST_NAME =
  /^(?=.{1,253}$)[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** A wish, and what is wrong with its annotations. */
export interface ReadRequest {
  readonly request: DhcpRequest;
  readonly problems: readonly ServiceProblem[];
}

/** What a Service that names `0.0.0.0` (or `::`) asks of DHCP; an annotation that cannot be used is told and left out. Pure. */
export function readDhcpRequest(service: Service, family: Family): ReadRequest {
  const problems: ServiceProblem[] = [];
  const refuse = (message: string): undefined => {
    problems.push({ reason: AGENT_REASON.invalidRequest, message });
    return undefined;
  };
  const identity: DhcpIdentity = {
    mac: readMac(service, refuse) ?? derivedMac(nameOf(service)),
    hostName: readHostName(service, refuse),
  };
  const annotations = service.metadata?.annotations ?? {};
  const client = clientOf(family, identity);
  const note = parseNotedLeases(annotations[ANNOTATION.dhcpLease]).get(family);
  const request: DhcpRequest = {
    key: ownershipKey(family, client),
    family,
    identity,
    broadcast: annotations[ANNOTATION.dhcpBroadcast] === 'true',
    wanted: readWanted(annotations[ANNOTATION.requestedIP], family, refuse),
    noted: note?.client === client ? note : undefined,
  };
  return { request, problems };
}

type Refuse = (message: string) => undefined;

/**
 * What the hardware address of a Service is made from: the name of a shared interface, else its UID. Not its name alone: two
 * clusters on one network may both have a Service `default/web`.
 */
function nameOf(service: Service): string {
  const shared = service.metadata?.annotations?.[ANNOTATION.macvlanName]?.trim();
  if (shared) return `interface ${shared}`;
  return `service ${keyOf(service)} ${service.metadata?.uid ?? ''}`;
}

function readMac(service: Service, refuse: Refuse): string | undefined {
  const text = service.metadata?.annotations?.[ANNOTATION.hwaddr]?.trim();
  if (text === undefined || text === '') return undefined;
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (MAC.test(mac) && !isGroupMac(mac) && mac !== ZERO_MAC) return mac;
  return refuse(
    `${ANNOTATION.hwaddr} is "${text}"; expected the hardware address of one station such as 02:00:5e:10:00:01`,
  );
}

function readHostName(service: Service, refuse: Refuse): string | undefined {
  const text = service.metadata?.annotations?.[ANNOTATION.loadBalancerHostname]?.trim();
  if (text === undefined || text === '') return undefined;
  if (HOST_NAME.test(text)) return text;
  return refuse(
    `${ANNOTATION.loadBalancerHostname} is "${text}"; expected a host name such as web.example.com`,
  );
}

/** One address of each family at most, as with kube-vip. */
function readWanted(text: string | undefined, family: Family, refuse: Refuse): string | undefined {
  let wanted: string | undefined;
  for (const entry of (text ?? '').split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const address = addressOf(entry);
    if (address === undefined) refuse(`${ANNOTATION.requestedIP} has "${entry}"; expected an IP address`);
    else if (address.family === family) wanted ??= formatAddress(address);
  }
  return wanted;
}
