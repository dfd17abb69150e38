// SPDX-License-Identifier: Apache-2.0
import { addressOf, bitsOf, compareAddresses, type Family } from '@fairlead/shared/address/address.ts';
import { cidrContains, cidrOf } from '@fairlead/shared/address/cidr.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { Link } from '../../system/link.ts';
import type { Balancer } from '../balancer.ts';
import type { Backend, BalanceModel, DirectReturn, Frontend, Hop } from '../model/frontend.ts';
import type { Surroundings } from '../surroundings.ts';

/** The model as a data plane can do it, with what it cannot among the problems. Pure. */
export function possibleModel(
  model: BalanceModel,
  balancer: Pick<Balancer, 'name' | 'directReturn' | 'resolve'>,
  surroundings: () => Surroundings,
): BalanceModel {
  if (balancer.resolve !== undefined) return balancer.resolve(model, surroundings());
  return balancer.directReturn === true
    ? withDirectReturn(model, surroundings())
    : withoutDirectReturn(model, balancer.name);
}

/** The front ends of a plane that only knows NAT: those that ask for more are told. Pure. */
export function withoutDirectReturn(model: BalanceModel, plane: string): BalanceModel {
  return replaceAsking(model, (frontend) => byNat(frontend, plane));
}

function byNat(frontend: Frontend, plane: string): Resolution {
  return {
    resolved: { ...frontend, forwarding: 'nat' },
    problem: {
      reason: AGENT_REASON.forwardingUnavailable,
      message: `forwarding is ${frontend.forwarding}, which the data plane ${plane} does not have; endpoints are reached by NAT`,
    },
  };
}

/**
 * Resolves the front ends that ask for direct return: which hops share their flows, and which back ends this node itself sends
 * to, by NAT. These are its own, whose answers come back through here by themselves, so that the client's address stays; and
 * those that no hop stands for, which the Service is told of. A node without such has all of them: for its own programs and
 * pods, and for packets that come here for any other reason.
 *
 * With `directRoute` a back end of its own is one with an address of this machine: as this machine rewrites what comes for it, it
 * need not hold the front end's address, and may have another port.
 *
 * Front ends that need nothing, and a model without any that do, are returned as they are. Pure.
 */
export function withDirectReturn(model: BalanceModel, surroundings: Surroundings): BalanceModel {
  return replaceAsking(model, (frontend) => {
    const facts = factsOf(frontend, surroundings);
    const known = resolutions.get(frontend);
    if (known?.facts.every((fact, index) => fact === facts[index])) return known;
    const resolution = { ...resolve(frontend, surroundings), facts };
    resolutions.set(frontend, resolution);
    return resolution;
  });
}

/** Front ends never change in place. Those of ten thousand Services come here often, and most are as they were. */
const resolutions = new WeakMap<Frontend, Resolution & { readonly facts: readonly unknown[] }>();

/** All that {@link resolve} looks at beside the front end, as far as it matters for that. */
function factsOf(frontend: Frontend, surroundings: Surroundings): readonly unknown[] {
  const { backends, ending = [], forwarding } = frontend;
  const nodes = [surroundings.node, ...backends.map(({ node }) => node), ...ending.map(({ node }) => node)];
  const addresses = nodes.map((node) => (node === undefined ? undefined : surroundings.addressesOf(node)));
  const link = linkFor(frontend, surroundings);
  return [surroundings.node, link, forwarding === 'dsr' ? undefined : surroundings.links, ...addresses];
}

function replaceAsking(model: BalanceModel, replace: (frontend: Frontend) => Resolution): BalanceModel {
  const asking = [...model.frontends.values()].filter(({ forwarding }) => forwarding !== 'nat');
  if (asking.length === 0) return model;
  const frontends = new Map(model.frontends);
  const problems = new Map(model.problems);
  for (const frontend of asking) {
    const { resolved, problem } = replace(frontend);
    frontends.set(frontend.id, resolved);
    if (problem === undefined) continue;
    const known = problems.get(frontend.service) ?? [];
    if (!known.some(({ message }) => message === problem.message))
      problems.set(frontend.service, [...known, problem]);
  }
  return { ...model, frontends, problems };
}

interface Resolution {
  readonly resolved: Frontend;
  readonly problem?: ServiceProblem;
}

function resolve(frontend: Frontend, surroundings: Surroundings): Resolution {
  if (frontend.forwarding !== 'dsr' && frontend.forwarding !== 'directRoute')
    return byNat(frontend, 'nftables');
  const stays = (backend: Backend) => runsHere(frontend, backend, surroundings);
  // With policy Local there are only back ends of this node, and they see the client as it is.
  if (!frontend.masquerade && frontend.backends.every(stays)) return { resolved: frontend };
  const link = linkFor(frontend, surroundings);
  if (link === undefined) return { resolved: { ...frontend, masquerade: true }, problem: noLink(frontend) };
  const self = ownHop(frontend, link, surroundings);
  const hopOf = (backend: Backend) => hopAddress(frontend, backend, link, self, surroundings);
  const hops = gather(frontend, hopOf);
  const kept = frontend.backends.filter((backend) => stays(backend) || hopOf(backend) === undefined);
  const withoutHop = kept.filter((backend) => hopOf(backend) === undefined);
  const direct = directReturn(link, withUnreachable(hops, self, withoutHop), self);
  const unreachable = withoutHop.filter((backend) => !stays(backend));
  return {
    resolved: {
      ...frontend,
      backends: kept.length > 0 ? kept : frontend.backends,
      masquerade: kept.length === 0 || !kept.every(stays),
      direct,
    },
    ...(unreachable.length > 0 && { problem: notDirect(frontend, unreachable, link) }),
  };
}

/** Do answers of this back end come through here by themselves? */
function runsHere({ forwarding }: Frontend, { node, address }: Backend, surroundings: Surroundings): boolean {
  if (forwarding !== 'directRoute') return node !== undefined && node === surroundings.node;
  return isOwn(address, surroundings);
}

/** Values of all addresses of a machine; a list of links never changes in place. */
const ownAddresses = new WeakMap<readonly Link[], ReadonlySet<bigint>>();

function isOwn(text: string, { links }: Surroundings): boolean {
  let own = ownAddresses.get(links);
  if (own === undefined) {
    const all = links.flatMap(({ addresses }) =>
      addresses.flatMap(({ address }) => addressOf(address) ?? []),
    );
    own = new Set(all.map(({ value }) => value));
    ownAddresses.set(links, own);
  }
  const address = addressOf(text);
  return address !== undefined && own.has(address.value);
}

/** By which address this machine is a hop, if it is one. */
function ownHop(frontend: Frontend, link: Link, surroundings: Surroundings): string | undefined {
  const { family, forwarding, backends, ending = [] } = frontend;
  if (forwarding !== 'directRoute') return onLink(link, family, surroundings.addressesOf(surroundings.node));
  // The others know this machine by the address of its back end.
  const own = [...backends, ...ending]
    .map(({ address }) => address)
    .filter((address) => isOwn(address, surroundings));
  return onLink(link, family, [...own, ...link.addresses.map(({ address }) => address)]);
}

function linkFor({ address }: Frontend, { links, linkOf }: Surroundings): Link | undefined {
  const name = linkOf(address);
  return links.find((link) => link.name === name);
}

/** The machine that takes packets for a back end; undefined when there is none on this link. */
function hopAddress(
  frontend: Frontend,
  backend: Backend,
  link: Link,
  self: string | undefined,
  surroundings: Surroundings,
): string | undefined {
  const { address, port, node } = backend;
  if (frontend.forwarding === 'dsr')
    return node === undefined ? undefined : onLink(link, frontend.family, surroundings.addressesOf(node));
  // The port goes out as it came in.
  if (port !== frontend.port) return undefined;
  return runsHere(frontend, backend, surroundings) ? self : onLink(link, frontend.family, [address]);
}

/** The first of these addresses that is on the link's own subnets, where packets need no router. */
function onLink(link: Link, family: Family, addresses: readonly string[]): string | undefined {
  const subnets = link.addresses.flatMap((own) => {
    const base = addressOf(own.address);
    const isSubnet = base?.family === family && own.prefixLength < bitsOf(family) && own.scope !== 'link';
    return isSubnet ? [cidrOf(base, own.prefixLength)] : [];
  });
  return addresses.find((text) => {
    const address = addressOf(text);
    return address !== undefined && subnets.some((subnet) => cidrContains(subnet, address));
  });
}

function gather(
  { backends, ending = [] }: Frontend,
  hopOf: (backend: Backend) => string | undefined,
): Map<string, Hop> {
  const hops = new Map<string, Hop>();
  const add = (backend: Backend, kind: 'weight' | 'ending') => {
    const address = hopOf(backend);
    if (address === undefined) return;
    const hop = hops.get(address) ?? { address, weight: 0, ending: 0 };
    hops.set(address, { ...hop, [kind]: hop[kind] + backend.weight });
  };
  for (const backend of backends) add(backend, 'weight');
  for (const backend of ending) add(backend, 'ending');
  return hops;
}

/** What no hop stands for is this node's share, so that none of the back ends goes without. */
function withUnreachable(
  hops: ReadonlyMap<string, Hop>,
  self: string | undefined,
  withoutHop: readonly Backend[],
): readonly Hop[] {
  const extra = withoutHop.reduce((sum, { weight }) => sum + weight, 0);
  if (self === undefined || extra === 0) return [...hops.values()];
  const own = hops.get(self) ?? { address: self, weight: 0, ending: 0 };
  return [...new Map(hops).set(self, { ...own, weight: own.weight + extra }).values()];
}

function directReturn(link: Link, hops: readonly Hop[], self: string | undefined): DirectReturn {
  return {
    link: link.name,
    linkIndex: link.index,
    hops: hops.toSorted(byAddress),
    self: hops.some(({ address }) => address === self) ? self : undefined,
  };
}

function byAddress(a: Hop, b: Hop): number {
  const [left, right] = [addressOf(a.address), addressOf(b.address)];
  return left && right ? compareAddresses(left, right) : 0;
}

function noLink({ address, forwarding }: Frontend): ServiceProblem {
  return {
    reason: AGENT_REASON.forwardingUnavailable,
    message: `forwarding is ${forwarding}, but this node has no link for ${address}; its endpoints are reached by NAT`,
  };
}

function notDirect(
  { address, port, forwarding }: Frontend,
  unreachable: readonly Backend[],
  link: Link,
): ServiceProblem {
  const some = unreachable.slice(0, 3).map((backend) => `${backend.address} port ${backend.port}`);
  const list = unreachable.length > some.length ? `${some.join(', ')}, …` : some.join(', ');
  const needed =
    forwarding === 'dsr'
      ? `a node with an address on a subnet of link ${link.name}`
      : `an endpoint on a subnet of link ${link.name} with port ${port}, the Service's own`;
  return {
    reason: AGENT_REASON.forwardingUnavailable,
    message: `forwarding for ${address} needs ${needed}; reached by NAT instead: ${list}`,
  };
}
