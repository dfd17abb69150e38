// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import { cidrContains, cidrOf } from '@fairlead/shared/address/cidr.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { Link } from '../../system/link.ts';
import type { Backend, BalanceModel, Frontend } from '../model/frontend.ts';
import type { Surroundings } from '../surroundings.ts';

/** Where this node is. */
export type IpvsSurroundings = Pick<Surroundings, 'node' | 'links'>;

/**
 * The model as IPVS can do it: front ends afterwards are reached by NAT, `directRoute`, `tunnel` or `bypass`, and back ends that this
 * is not possible for by NAT, which the Service is told of. Front ends that need nothing are returned as they are. Pure.
 */
export function withIpvsForwarding(model: BalanceModel, surroundings: IpvsSurroundings): BalanceModel {
  const asking = [...model.frontends.values()].filter(({ forwarding }) => forwarding !== 'nat');
  if (asking.length === 0) return model;
  const frontends = new Map(model.frontends);
  const problems = new Map(model.problems);
  for (const frontend of asking) {
    const { resolved, problem } = resolve(frontend, surroundings);
    frontends.set(frontend.id, resolved);
    if (problem === undefined) continue;
    const told = problems.get(frontend.service) ?? [];
    if (!told.some(({ message }) => message === problem.message))
      problems.set(frontend.service, [...told, problem]);
  }
  return { frontends, problems };
}

interface Resolution {
  readonly resolved: Frontend;
  readonly problem?: ServiceProblem;
}

function resolve(frontend: Frontend, surroundings: IpvsSurroundings): Resolution {
  switch (frontend.forwarding) {
    case 'nat':
    case 'bypass':
      return { resolved: frontend };
    case 'local':
      return { resolved: onlyLocal(frontend, surroundings) };
    case 'dsr':
      return { resolved: { ...frontend, forwarding: 'nat' }, problem: notBetweenNodes(frontend) };
    case 'directRoute':
      return directly(frontend, ({ address }) => surroundings.links.some((link) => isOn(link, address)));
    case 'tunnel':
      return directly(frontend, () => true);
  }
}

/** Packets are not even rewritten where the back end is this host itself; pods are behind NAT, but answer through here anyway. */
function onlyLocal(frontend: Frontend, { node, links }: IpvsSurroundings): Frontend {
  const isOwn = ({ address, port }: Backend) =>
    port === frontend.port && links.some((link) => link.addresses.some((own) => own.address === address));
  const backends = frontend.backends
    .filter((backend) => backend.node === node || (backend.node === undefined && isOwn(backend)))
    .map((backend) => (isOwn(backend) ? backend : { ...backend, byNat: true }));
  return { ...frontend, backends, forwarding: 'directRoute', masquerade: false };
}

/** Packets that are passed on as they are keep their port, so another one needs NAT. */
function directly(frontend: Frontend, isReachable: (backend: Backend) => boolean): Resolution {
  const isDirect = (backend: Backend) => backend.port === frontend.port && isReachable(backend);
  const others = frontend.backends.filter((backend) => !isDirect(backend));
  if (others.length === 0) return { resolved: frontend };
  const backends = frontend.backends.map((each) => (others.includes(each) ? { ...each, byNat: true } : each));
  // Of these alone: the kernel's rule is for connections whose destination is rewritten.
  return { resolved: { ...frontend, backends, masquerade: true }, problem: notDirect(frontend, others) };
}

function isOn(link: Link, text: string): boolean {
  const address = addressOf(text);
  return link.addresses.some((own) => {
    const base = addressOf(own.address);
    return (
      address !== undefined &&
      base?.family === address.family &&
      own.scope !== 'link' &&
      cidrContains(cidrOf(base, own.prefixLength), address)
    );
  });
}

function notBetweenNodes({ forwarding }: Frontend): ServiceProblem {
  return {
    reason: AGENT_REASON.forwardingUnavailable,
    message: `forwarding is ${forwarding}, between nodes, which the data plane ipvs does not have (nftables has it); endpoints are reached by NAT`,
  };
}

function notDirect({ address, port, forwarding }: Frontend, others: readonly Backend[]): ServiceProblem {
  const some = others.slice(0, 3).map((backend) => `${backend.address} port ${backend.port}`);
  const list = others.length > some.length ? `${some.join(', ')}, …` : some.join(', ');
  const [name, needed] =
    forwarding === 'tunnel'
      ? ['a tunnel', `endpoints with port ${port}, the Service's own`]
      : ['direct-route', `endpoints on a link of this node with port ${port}, the Service's own`];
  return {
    reason: AGENT_REASON.forwardingUnavailable,
    message: `forwarding for ${address} by ${name} needs ${needed}; reached by NAT instead: ${list}`,
  };
}
