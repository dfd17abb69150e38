// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { EndpointSlice, Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Forwarding } from '../balance/model/frontend.ts';
import { shareLeases } from '../dhcp/shared-leases.ts';
import type { AddressGroup } from '../ownership/engine.ts';
import { addressGroups, hasOwnLease, type LeaseRule } from '../ownership/groups.ts';
import { NodeBook } from '../ownership/node-eligibility.ts';
import type { AddressSources } from '../services/addresses.ts';
import { AGENT_REASON, type ServiceProblem } from '../services/problem.ts';
import type { SelectionRule } from '../services/selection.ts';
import { candidatesOf, type ServedService, servedServices } from '../services/served-service.ts';
import { type InterfaceRule, interfaceChooser } from './interfaces.ts';

/** What one look at the cluster and the node shows. */
export interface Observed {
  readonly services: Iterable<Service>;
  readonly slices: Iterable<EndpointSlice>;
  /** What the Node objects say. */
  readonly nodes: NodeBook;
  readonly lostNodes: ReadonlySet<string>;
  readonly links: InterfaceRule;
  readonly sources?: AddressSources;
}

/** The part of the settings that matters here. */
export interface DesiredRule extends SelectionRule {
  readonly node: string;
  readonly lease: LeaseRule;
  /** How packets reach the endpoints of Services that do not say. Default: by NAT. */
  readonly forwarding?: Forwarding;
}

/** What this node should try to do, before anyone has granted it anything. */
export interface Desired {
  readonly services: readonly ServedService[];
  readonly groups: readonly AddressGroup[];
  /** Address -> link on this node. */
  readonly interfaces: ReadonlyMap<string, string>;
  /** Addresses whose link is missing on this node, is down, or has no carrier. */
  readonly unservable: ReadonlySet<string>;
  /** `namespace/name` -> what stands in the way. */
  readonly problems: ReadonlyMap<string, readonly ServiceProblem[]>;
}

/** From what is seen to what is wanted. Pure. */
export function desiredState(observed: Observed, rule: DesiredRule): Desired {
  const services = shareLeases(servedServices(observed.services, observed.slices, rule, observed.sources));
  const running = new Set(observed.links.links.filter(({ isUp }) => isUp).map(({ name }) => name));
  const choose = interfaceChooser(observed.links);
  const interfaces = new Map<string, string>();
  const problems = new Map<string, readonly ServiceProblem[]>();
  for (const service of services) {
    const found = [...service.problems, ...candidateProblems(service, rule, observed)];
    for (const address of service.addresses) {
      if (interfaces.has(address)) continue;
      const choice = choose(address, service);
      if (!choice.ok) found.push({ reason: AGENT_REASON.interfaceMissing, message: choice.problem });
      else {
        interfaces.set(address, choice.name);
        if (!running.has(choice.name)) found.push(linkDown(choice.name, address, rule.node));
      }
    }
    if (found.length > 0) problems.set(service.key, found);
  }
  const groups = addressGroups(services, rule.lease, observed.nodes);
  const addresses = groups.flatMap((group) => group.addresses);
  const unservable = new Set(addresses.filter((address) => !running.has(interfaces.get(address) ?? '')));
  return { services, groups, interfaces, unservable, problems };
}

/** Told only when no other node has the address: then nobody knows better than this one. */
function linkDown(link: string, address: string, node: string): ServiceProblem {
  const message = `link "${link}" for ${address} is down or has no carrier on node ${node}, so it cannot answer there`;
  return { reason: AGENT_REASON.interfaceMissing, message };
}

/** Why no node can have the addresses, or not the one that carries all. Told once there is an address to answer for. */
function candidateProblems(
  service: ServedService,
  { node, lease }: DesiredRule,
  { nodes, lostNodes }: Pick<Observed, 'nodes' | 'lostNodes'>,
): readonly ServiceProblem[] {
  if (service.addresses.length === 0) return [];
  const candidates = candidatesOf(service, nodes);
  if (candidates === 'any') return [];
  if (candidates.size === 0 && isBarredBySelector(service)) {
    // What is wrong with one that cannot be read is told already; before the first list of Nodes nothing is known.
    return service.nodeSelector === 'unreadable' || !nodes.isKnown ? [] : [nobodySelected(service)];
  }
  if ([...candidates].every((name) => lostNodes.has(name))) {
    // A new Service often has its address before anybody has looked for its pods.
    if (!service.endpointsKnown) return [];
    const message = 'no endpoint is ready, so no node answers for the address';
    return [{ reason: AGENT_REASON.noReadyEndpoints, message }];
  }
  if (hasOwnLease(service, lease) || candidates.has(node)) return [];
  const message =
    `node ${node}, which carries all addresses, cannot have this one: ${whyNotHere(service)}; ` +
    'set svc_election to "true" so that each Service has an owner of its own';
  return [{ reason: AGENT_REASON.noLocalEndpoints, message }];
}

/** Without its selector some node could have it. */
function isBarredBySelector(service: ServedService): boolean {
  if (service.nodeSelector === undefined) return false;
  const without = candidatesOf({ ...service, nodeSelector: undefined }, NodeBook.unknown);
  return without === 'any' || without.size > 0;
}

function nobodySelected({ nodeSelector, policy }: ServedService): ServiceProblem {
  const text = nodeSelector === undefined || nodeSelector === 'unreadable' ? '' : nodeSelector.text;
  const which = policy === 'Local' ? 'no node with a ready endpoint' : 'no node';
  const message = `${which} has labels that meet ${ANNOTATION.nodeSelector} "${text}", so no node answers for the address`;
  return { reason: AGENT_REASON.noEligibleNode, message };
}

function whyNotHere({ policy, nodeSelector }: ServedService): string {
  const reasons = [
    ...(policy === 'Local'
      ? ['externalTrafficPolicy is Local, and it may have no endpoint of this Service']
      : []),
    ...(nodeSelector === undefined ? [] : [`its labels may not meet ${ANNOTATION.nodeSelector}`]),
  ];
  return reasons.join(', or ');
}
