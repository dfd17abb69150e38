// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice, Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { AddressGroup } from '../ownership/engine.ts';
import { addressGroups, type LeaseRule } from '../ownership/groups.ts';
import { AGENT_REASON, type ServiceProblem } from '../services/problem.ts';
import type { SelectionRule } from '../services/selection.ts';
import { candidatesOf, type ServedService, servedServices } from '../services/served-service.ts';
import { chooseInterface, type InterfaceRule } from './interfaces.ts';

/** What one look at the cluster and the node shows. */
export interface Observed {
  readonly services: Iterable<Service>;
  readonly slices: Iterable<EndpointSlice>;
  readonly lostNodes: ReadonlySet<string>;
  readonly links: InterfaceRule;
}

/** The part of the settings that matters here. */
export interface DesiredRule extends SelectionRule {
  readonly node: string;
  readonly lease: LeaseRule;
}

/** What this node should try to do, before anyone has granted it anything. */
export interface Desired {
  readonly services: readonly ServedService[];
  readonly groups: readonly AddressGroup[];
  /** Address -> link on this node. */
  readonly interfaces: ReadonlyMap<string, string>;
  /** Addresses without a link on this node. */
  readonly unservable: ReadonlySet<string>;
  /** `namespace/name` -> what stands in the way. */
  readonly problems: ReadonlyMap<string, readonly ServiceProblem[]>;
}

/** From what is seen to what is wanted. Pure. */
export function desiredState(observed: Observed, rule: DesiredRule): Desired {
  const services = servedServices(observed.services, observed.slices, rule);
  const interfaces = new Map<string, string>();
  const problems = new Map<string, readonly ServiceProblem[]>();
  for (const service of services) {
    const found = [...service.problems, ...endpointProblems(service, rule, observed.lostNodes)];
    for (const address of service.addresses) {
      if (interfaces.has(address)) continue;
      const choice = chooseInterface(address, service, observed.links);
      if (choice.ok) interfaces.set(address, choice.name);
      else found.push({ reason: AGENT_REASON.interfaceMissing, message: choice.problem });
    }
    if (found.length > 0) problems.set(service.key, found);
  }
  const groups = addressGroups(services, rule.lease, observed.lostNodes);
  const addresses = groups.flatMap((group) => group.addresses);
  const unservable = new Set(addresses.filter((address) => !interfaces.has(address)));
  return { services, groups, interfaces, unservable, problems };
}

/** No endpoint at all is worth telling once there is an address that could answer, and its pods have been looked for. */
function endpointProblems(
  service: ServedService,
  { node, lease }: DesiredRule,
  lostNodes: ReadonlySet<string>,
): readonly ServiceProblem[] {
  if (service.addresses.length === 0) return [];
  const candidates = candidatesOf(service, lostNodes);
  if (candidates === 'any') return [];
  if (candidates.size === 0) {
    // A new Service often has its address before anybody has looked for its pods.
    if (!service.endpointsKnown) return [];
    const message = 'no endpoint is ready, so no node answers for the address';
    return [{ reason: AGENT_REASON.noReadyEndpoints, message }];
  }
  if (lease.election === 'perService' || candidates.has(node)) return [];
  const message =
    `externalTrafficPolicy is Local and node ${node}, which carries all addresses, has no endpoint of this Service; ` +
    'set svc_election to "true" so that each Service has an owner of its own';
  return [{ reason: AGENT_REASON.noLocalEndpoints, message }];
}
