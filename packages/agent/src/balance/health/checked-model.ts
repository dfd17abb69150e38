// SPDX-License-Identifier: Apache-2.0
import { AGENT_REASON } from '../../services/problem.ts';
import type { Backend, BalanceModel, Frontend } from '../model/frontend.ts';
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

/**
 * What there is to probe for a model (with its dead): each back end of a frontend that has a check, at full pace where this node
 * holds the frontend's address. UDP and SCTP only where the check names a port, as a probe is a TCP connection. Pure.
 */
export function targetsOf(
  frontends: Iterable<Frontend>,
  isHeld: (address: string) => boolean,
): ReadonlyMap<string, HealthTarget> {
  const targets = new Map<string, HealthTarget>();
  for (const frontend of frontends) {
    const { healthCheck: check, protocol, backends } = frontend;
    if (check === undefined || (protocol !== 'tcp' && check.port === undefined)) continue;
    const pace = isHeld(frontend.address) ? 'full' : 'sparing';
    for (const backend of backends) {
      const id = targetId(frontend, backend);
      if (pace === 'sparing' && targets.has(id)) continue;
      const { address, port } = backend;
      targets.set(id, { id, address, port: check.port ?? port, check, pace });
    }
  }
  return targets;
}

/**
 * The model without its dead back ends. Where all of a frontend are dead they stay: then it is more likely the check that is
 * wrong, and nobody is worse off. What loses nothing is returned as it is. Pure.
 */
export function withoutDead(model: BalanceModel, down: ReadonlySet<string>): BalanceModel {
  if (down.size === 0) return model;
  const frontends = new Map(model.frontends);
  const losses = new Map<string, Losses>();
  for (const [id, frontend] of model.frontends) {
    if (frontend.healthCheck === undefined) continue;
    const alive = frontend.backends.filter((backend) => !down.has(targetId(frontend, backend)));
    if (alive.length === frontend.backends.length) continue;
    note(losses, frontend, alive);
    if (alive.length > 0) frontends.set(id, { ...frontend, backends: alive });
  }
  return losses.size === 0 ? model : { frontends, problems: withLosses(model.problems, losses) };
}

/** What is dead of a Service. */
interface Losses {
  /** `address:port` of back ends. */
  readonly dead: Set<string>;
  /** Frontends whose back ends are all dead. */
  readonly forsaken: Set<string>;
}

function note(losses: Map<string, Losses>, frontend: Frontend, alive: readonly Backend[]): void {
  const known = losses.get(frontend.service) ?? { dead: new Set(), forsaken: new Set() };
  losses.set(frontend.service, known);
  for (const backend of frontend.backends) {
    if (!alive.includes(backend)) known.dead.add(placeOf(backend));
  }
  if (alive.length === 0) known.forsaken.add(`${frontend.port}/${frontend.protocol}`);
}

function placeOf({ address, port }: Backend): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function withLosses(
  problems: BalanceModel['problems'],
  losses: ReadonlyMap<string, Losses>,
): BalanceModel['problems'] {
  const all = new Map(problems);
  for (const [service, found] of losses) {
    const problem = { reason: AGENT_REASON.endpointsDead, message: describe(found) };
    all.set(service, [...(all.get(service) ?? []), problem]);
  }
  return all;
}

/** This many are named. */
const NAMED = 5;

function describe({ dead, forsaken }: Losses): string {
  const names = [...dead].sort();
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  const failing = `the health check fails on ${names.slice(0, NAMED).join(', ')}${more}`;
  if (forsaken.size === 0) return `${failing}; new connections go to the others`;
  const ports = [...forsaken].sort().join(', ');
  return `${failing}, all that serve ${ports}; new connections still go there, as the check may be wrong`;
}
