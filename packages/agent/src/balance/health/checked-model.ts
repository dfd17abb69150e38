// SPDX-License-Identifier: Apache-2.0
import type { Backend, BalanceModel, Frontend } from '../model/frontend.ts';
import type { HealthTarget } from './health-check.ts';

/** Id of the target that stands for a back end of a frontend: the same for all addresses of a Service. */
export function targetId({ service, protocol }: Frontend, { address, port }: Backend): string {
  return `${service} ${protocol}/${port}/${address}`;
}

/** How much less often is probed what this node only prepares for: enough to know the long dead ones at a takeover. */
const SPARING = 10;

/**
 * What there is to probe for a model: each back end of a frontend that has a check, at full pace where this node holds the
 * frontend's address. Pure.
 */
export function targetsOf(
  frontends: Iterable<Frontend>,
  isHeld: (address: string) => boolean,
): ReadonlyMap<string, HealthTarget> {
  const targets = new Map<string, HealthTarget>();
  for (const frontend of frontends) {
    const { healthCheck: check, address: front, backends } = frontend;
    if (check === undefined) continue;
    const intervalMs = check.intervalMs * (isHeld(front) ? 1 : SPARING);
    for (const backend of backends) {
      const id = targetId(frontend, backend);
      const other = targets.get(id);
      if (other !== undefined && other.check.intervalMs <= intervalMs) continue;
      const { address, port } = backend;
      targets.set(id, { id, address, port: check.port ?? port, check: { ...check, intervalMs } });
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
