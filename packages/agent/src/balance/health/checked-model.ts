// SPDX-License-Identifier: Apache-2.0
import type { Backend, BalanceModel, Frontend } from '../model/frontend.ts';
import type { HealthTarget } from './health-check.ts';

/** Id of the target that stands for a back end of a frontend: the same for all addresses of a Service. */
export function targetId({ service, protocol }: Frontend, { address, port }: Backend): string {
  return `${service} ${protocol}/${port}/${address}`;
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
 * wrong, and nobody is worse off. Frontends that lose nothing, and a model without any that does, are returned as they are. Pure.
 */
export function withoutDead(model: BalanceModel, down: ReadonlySet<string>): BalanceModel {
  if (down.size === 0) return model;
  const changed = [...model.frontends.values()].flatMap((frontend) => {
    const alive = livingBackends(frontend, down);
    return alive === frontend.backends ? [] : [{ ...frontend, backends: alive }];
  });
  if (changed.length === 0) return model;
  const frontends = new Map(model.frontends);
  for (const frontend of changed) frontends.set(frontend.id, frontend);
  return { ...model, frontends };
}

function livingBackends(frontend: Frontend, down: ReadonlySet<string>): readonly Backend[] {
  const { healthCheck, backends } = frontend;
  if (healthCheck === undefined) return backends;
  const alive = backends.filter((backend) => !down.has(targetId(frontend, backend)));
  return alive.length === 0 || alive.length === backends.length ? backends : alive;
}
