// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { ServedService } from '../../services/served-service.ts';
import { annotatedForwarding } from '../dsr/annotated-forwarding.ts';
import type { Forwarding } from '../model/frontend.ts';
import {
  NOTHING_TO_PROTECT,
  type ProtectedPort,
  type ProtectedService,
  type ProtectionModel,
  type ProtectionPolicy,
} from './policy.ts';
import { policyOf } from './read-policy.ts';

/** What holds for the whole node. */
export interface ProtectionRule {
  /** kube-vip's `enable_service_security`: an address answers at the ports of its Services only. */
  readonly closePorts: boolean;
  /** Why connections to this Service cannot be begun here (see {@link ProtectionPolicy.synProxy}); undefined: they can. */
  readonly synProxyObstacle: (service: ServedService) => string | undefined;
}

/**
 * What is to be filtered for these Services, at all of their addresses: those that this node holds, and those that pods of
 * this node reach through it. The older Service wins a port that two want. Pure.
 *
 * @param services oldest first
 * @param others addresses that others than Services are reached at as well, in groups: these are never closed
 * @param previous what is the same in this one is the same object again
 */
export function protectionModel(
  services: readonly ServedService[],
  rule: ProtectionRule,
  others: readonly ReadonlySet<string>[] = [],
  previous: ProtectionModel = NOTHING_TO_PROTECT,
): ProtectionModel {
  const guarded = new Map<string, ProtectedService>();
  const problems = new Map<string, readonly ServiceProblem[]>();
  // Policies are rare, and this runs with each change of a Service.
  const owners = ownersOfPorts(
    services,
    services.filter(({ object }) => policyOf(object).policy !== undefined),
  );
  for (const service of services) {
    const { policy, problems: found } = policyOf(service.object);
    if (found.length > 0) problems.set(service.key, found);
    if (policy === undefined) continue;
    const ports = portsOf(service).filter((port) => owners.get(keyOfPort(port)) === service.key);
    if (ports.length === 0) continue;
    const obstacle = policy.synProxy === 'off' ? undefined : rule.synProxyObstacle(service);
    if (obstacle !== undefined) problems.set(service.key, [...found, noSynProxy(obstacle)]);
    const possible: ProtectionPolicy = obstacle === undefined ? policy : { ...policy, synProxy: 'off' };
    const known = previous.services.get(service.key);
    const isKnown = known?.policy === possible && areSamePorts(known.ports, ports);
    guarded.set(service.key, isKnown ? known : { service: service.key, ports, policy: possible });
  }
  const closed = rule.closePorts ? closedAddresses(services, others) : new Map<string, never>();
  return { services: guarded, closed, problems };
}

function areSamePorts(a: readonly ProtectedPort[], b: readonly ProtectedPort[]): boolean {
  return a.length === b.length && a.every((port, index) => isSamePort(port, b[index]));
}

function isSamePort(a: ProtectedPort, b: ProtectedPort | undefined): boolean {
  return a.address === b?.address && a.port === b.port && a.protocol === b.protocol;
}

/** Who has the ports at the addresses of these Services: nobody filters what comes for somebody else. */
function ownersOfPorts(
  services: readonly ServedService[],
  guarded: readonly ServedService[],
): ReadonlyMap<string, string> {
  const addresses = new Set(guarded.flatMap((service) => service.addresses));
  const owners = new Map<string, string>();
  if (addresses.size === 0) return owners;
  for (const service of services) {
    if (!service.addresses.some((address) => addresses.has(address))) continue;
    for (const port of portsOf(service)) {
      const key = keyOfPort(port);
      if (!owners.has(key)) owners.set(key, service.key);
    }
  }
  return owners;
}

/** `tcp/80/192.0.2.10`, as frontends are named. Pure. */
export function keyOfPort({ protocol, port, address }: ProtectedPort): string {
  return `${protocol}/${port}/${address}`;
}

function portsOf({ addresses, ports }: ServedService): readonly ProtectedPort[] {
  return addresses
    .filter((address) => addressOf(address) !== undefined)
    .flatMap((address) => ports.map(({ protocol, port }) => ({ address, protocol, port })));
}

/**
 * An address that a Service with another wish shares stays open: closing it would close that Service's other ports. So does
 * one of a node: everybody would be locked out of it.
 */
function closedAddresses(
  services: readonly ServedService[],
  others: readonly ReadonlySet<string>[],
): ReadonlyMap<string, readonly ProtectedPort[]> {
  const open = new Map<string, ProtectedPort[]>();
  const exempt = new Set<string>();
  for (const service of services) {
    const isExempt = service.object.metadata?.annotations?.[ANNOTATION.ignoreServiceSecurity] === 'true';
    for (const port of portsOf(service)) {
      if (isExempt || others.some((group) => group.has(port.address))) exempt.add(port.address);
      const known = open.get(port.address);
      if (known === undefined) open.set(port.address, [port]);
      else known.push(port);
    }
  }
  for (const address of exempt) open.delete(address);
  return open;
}

function noSynProxy(obstacle: string): ServiceProblem {
  const message = `${ANNOTATION.synProxy} is not followed: ${obstacle}`;
  return { reason: AGENT_REASON.protectionUnavailable, message };
}

/** Why a node with this data plane cannot begin connections in the place of back ends; undefined: it can. Pure. */
export function synProxyObstacle(
  plane: string,
  usualForwarding: Forwarding,
): (service: ServedService) => string | undefined {
  return ({ object }) => {
    const forwarding = annotatedForwarding(object).forwarding ?? usualForwarding;
    if (plane === 'ipvs') return 'the data plane ipvs does not take part in connections of the SYN proxy';
    if (plane === 'nftables' && forwarding !== 'nat')
      return `forwarding is ${forwarding}, and the SYN proxy needs nat, where answers come back through the node`;
    return undefined;
  };
}
