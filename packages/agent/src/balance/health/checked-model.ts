// SPDX-License-Identifier: Apache-2.0
import { isOrdinary } from '@fairlead/shared/address/ordinary.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import { type Backend, type BalanceModel, type Frontend, takersOf } from '../model/frontend.ts';
import type { HealthTarget } from './health-check.ts';

/** Id of the target that stands for a back end of a frontend: the same for all addresses of a Service. */
export function targetId({ service, protocol }: Frontend, { address, port }: Backend): string {
  return `${service} ${protocol}/${port}/${address}`;
}

/** What a {@link targetId} is made of, for people. Pure. */
export function placeOfTarget(id: string): { readonly service: string; readonly endpoint: string } {
  const end = id.indexOf(' ');
  return { service: id.slice(0, end), endpoint: id.slice(end + 1) };
}

/** What {@link targetsOf} needs to know of this node. */
export interface ProbingNode {
  readonly name: string;
  readonly isHeld: (address: string) => boolean;
}

/**
 * What there is to probe for a model (with its dead): each back end of a frontend that has a check, at full pace where this node
 * decides what it gets. UDP and SCTP only where the check names a port, as a probe is a TCP connection. Never what
 * {@link tellUnprobed} tells of. Pure.
 */
export function targetsOf(
  frontends: Iterable<Frontend>,
  node: ProbingNode,
): ReadonlyMap<string, HealthTarget> {
  const targets = new Map<string, HealthTarget>();
  for (const frontend of frontends) {
    const { healthCheck: check, protocol, backends } = frontend;
    if (check === undefined || (protocol !== 'tcp' && check.port === undefined)) continue;
    const isHeld = node.isHeld(frontend.address);
    for (const backend of backends) {
      if (!isOrdinary(backend.address)) continue;
      const id = targetId(frontend, backend);
      const pace = isHeld || isSharedOut(frontend, backend, node) ? 'full' : 'sparing';
      if (pace === 'sparing' && targets.has(id)) continue;
      const { address, port } = backend;
      targets.set(id, { id, address, port: check.port ?? port, check, pace });
    }
  }
  return targets;
}

/** With direct return the holder of the address chooses a node, and that node one of its own back ends. */
function isSharedOut({ forwarding }: Frontend, backend: Backend, { name }: ProbingNode): boolean {
  return forwarding === 'dsr' && backend.node === name;
}

/**
 * Tells of back ends that are not probed although their Service asks for it. Whoever may write EndpointSlices would otherwise
 * have the agent, which is in the node's own network, connect to what only the node itself can reach. What tells nothing is
 * returned as it is. Pure.
 */
export function tellUnprobed(model: BalanceModel): BalanceModel {
  const unprobed = new Map<string, Set<string>>();
  for (const { healthCheck, service, backends } of model.frontends.values()) {
    if (healthCheck === undefined) continue;
    for (const { address } of backends) {
      if (!isOrdinary(address)) unprobed.set(service, (unprobed.get(service) ?? new Set()).add(address));
    }
  }
  if (unprobed.size === 0) return model;
  const problems = [...unprobed].map(([service, addresses]) => [service, notProbed(addresses)] as const);
  return { ...model, problems: withMore(model.problems, problems) };
}

function notProbed(addresses: ReadonlySet<string>): ServiceProblem {
  const message = `endpoints ${someOf(addresses)} are not checked, and count as alive: loopback, link-local and multicast addresses are not probed`;
  return { reason: AGENT_REASON.healthCheckInvalid, message };
}

/**
 * The model without its dead back ends. Where all that a frontend could send to are dead they stay: then it is more likely the
 * check that is wrong, and nobody is worse off. What loses nothing is returned as it is. Pure.
 */
export function withoutDead(model: BalanceModel, down: ReadonlySet<string>): BalanceModel {
  if (down.size === 0) return model;
  const frontends = new Map(model.frontends);
  const losses = new Map<string, Losses>();
  for (const [id, frontend] of model.frontends) {
    if (frontend.healthCheck === undefined) continue;
    const alive = frontend.backends.filter((backend) => !down.has(targetId(frontend, backend)));
    if (alive.length === frontend.backends.length) continue;
    const isForsaken = takersOf({ backends: alive }).length === 0 && takersOf(frontend).length > 0;
    note(losses, frontend, alive, isForsaken);
    if (!isForsaken) frontends.set(id, { ...frontend, backends: alive });
  }
  if (losses.size === 0) return model;
  const problems = [...losses].map(([service, found]) => [service, failing(found)] as const);
  return { frontends, problems: withMore(model.problems, problems) };
}

/** What is dead of a Service. */
interface Losses {
  /** `address:port` of back ends. */
  readonly dead: Set<string>;
  /** Frontends of which nothing that they could send to is alive. */
  readonly forsaken: Set<string>;
}

function note(
  losses: Map<string, Losses>,
  frontend: Frontend,
  alive: readonly Backend[],
  isForsaken: boolean,
): void {
  const known = losses.get(frontend.service) ?? { dead: new Set(), forsaken: new Set() };
  losses.set(frontend.service, known);
  for (const backend of frontend.backends) {
    if (!alive.includes(backend)) known.dead.add(placeOf(backend));
  }
  if (isForsaken) known.forsaken.add(`${frontend.port}/${frontend.protocol}`);
}

function placeOf({ address, port }: Backend): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function withMore(
  problems: BalanceModel['problems'],
  more: Iterable<readonly [service: string, problem: ServiceProblem]>,
): BalanceModel['problems'] {
  const all = new Map(problems);
  for (const [service, problem] of more) all.set(service, [...(all.get(service) ?? []), problem]);
  return all;
}

function failing(losses: Losses): ServiceProblem {
  return { reason: AGENT_REASON.endpointsDead, message: describe(losses) };
}

function describe({ dead, forsaken }: Losses): string {
  const failing = `the health check fails on ${someOf(dead)}`;
  if (forsaken.size === 0) return `${failing}; new connections go to the others`;
  const ports = [...forsaken].sort().join(', ');
  return `${failing}, all that serve ${ports}; new connections still go there, as the check may be wrong`;
}

/** This many are named. */
const NAMED = 5;

function someOf(names: ReadonlySet<string>): string {
  const more = names.size > NAMED ? ` and ${names.size - NAMED} more` : '';
  return `${[...names].sort().slice(0, NAMED).join(', ')}${more}`;
}
