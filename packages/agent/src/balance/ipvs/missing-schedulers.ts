// SPDX-License-Identifier: Apache-2.0
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { BalanceModel, Frontend } from '../model/frontend.ts';
import { KERNEL_SCHEDULER_OF } from '../model/kernel-schedulers.ts';
import type { IpvsTable, VirtualService } from './virtual-service.ts';

/** The one that every kernel with IPVS has. */
const LAST_RESORT = 'rr';

/** The table with the nearest scheduler that there is in the place of those that this kernel lacks. Pure. */
export function withoutMissing(
  table: IpvsTable,
  model: BalanceModel,
  missing: ReadonlySet<string>,
): IpvsTable {
  if (missing.size === 0) return table;
  return new Map(
    [...table].map(([id, service]) => {
      const frontend = model.frontends.get(id);
      const lacks = frontend !== undefined && missing.has(service.scheduler);
      return [id, lacks ? { ...service, scheduler: insteadFor(frontend, missing) } : service];
    }),
  );
}

/** What Services are to be told of that. Pure. */
export function missingProblems(
  table: IpvsTable,
  model: BalanceModel,
  missing: ReadonlySet<string>,
): ReadonlyMap<string, readonly ServiceProblem[]> {
  const problems = new Map<string, readonly ServiceProblem[]>();
  if (missing.size === 0) return problems;
  for (const [id, { scheduler }] of table) {
    const frontend = model.frontends.get(id);
    if (frontend === undefined || !missing.has(scheduler)) continue;
    const message = `the kernel of this node does not have the scheduler ${scheduler} (module ip_vs_${scheduler}); connections go by ${insteadFor(frontend, missing)}`;
    problems.set(frontend.service, [{ reason: AGENT_REASON.schedulerUnsupported, message }]);
  }
  return problems;
}

/** Names of schedulers that no service has got although some should have, after a batch that failed for want of one. Pure. */
export function lackingIn(found: IpvsTable, wanted: IpvsTable): ReadonlySet<string> {
  const lacking = new Set<string>();
  const present = new Set([...found.values()].map(({ scheduler }) => scheduler));
  const isRefused = ({ id, scheduler }: VirtualService) => found.get(id)?.scheduler !== scheduler;
  for (const service of wanted.values()) {
    const { scheduler } = service;
    if (scheduler !== LAST_RESORT && !present.has(scheduler) && isRefused(service)) lacking.add(scheduler);
  }
  return lacking;
}

function insteadFor({ scheduler }: Frontend, missing: ReadonlySet<string>): string {
  const common = KERNEL_SCHEDULER_OF[scheduler];
  return missing.has(common) ? LAST_RESORT : common;
}
