// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { AgentSettings } from '../config/settings.ts';
import { deleteTables } from '../system/nft.ts';
import type { Balancer } from './balancer.ts';
import { DSR_TABLES } from './dsr/dsr-tables.ts';
import { createIpvsBalancer } from './ipvs/ipvs-balancer.ts';
import { clearIpvs } from './ipvs/leftovers.ts';
import type { KernelScheduler } from './model/kernel-schedulers.ts';
import { BALANCE_TABLES } from './nft/nat-layer.ts';
import { createNftBalancer } from './nft/nft-balancer.ts';
import { createUserSpacePlane } from './user-space/threaded-plane.ts';
import { createUserSpaceBalancer } from './user-space/user-space-balancer.ts';

/** What some planes want to know. */
export interface BalancerOptions {
  /** IPVS: for front ends that say nothing. */
  readonly kernelScheduler?: KernelScheduler | undefined;
}

/** Makes the data plane of this name, free of a predecessor's leftovers. @throws CommandError when nft fails. */
export async function createBalancer(
  kind: AgentSettings['balance'],
  logger: Logger,
  options: BalancerOptions = {},
): Promise<Balancer> {
  await clearOtherPlanes(kind, logger);
  if (kind === 'nftables') return createNftBalancer({ logger });
  if (kind === 'userspace') return createUserSpaceBalancer(createUserSpacePlane({ logger }));
  if (kind === 'ipvs') return createIpvsBalancer({ logger, scheduler: options.kernelScheduler });
  return {
    name: 'none',
    apply: () => Promise.resolve(),
    verify: () => Promise.resolve(false),
    stop: () => Promise.resolve(),
  };
}

/** Removes from the kernel what an agent with another data plane left behind when it was killed. What fails is told in the log. */
export async function clearOtherPlanes(kind: AgentSettings['balance'], logger: Logger): Promise<void> {
  if (kind !== 'ipvs') {
    await clearIpvs().catch((error: unknown) =>
      logger.warn({ err: error }, 'cannot remove what an earlier run with IPVS left behind'),
    );
  }
  if (kind !== 'nftables') {
    await deleteTables([...BALANCE_TABLES, ...DSR_TABLES]).catch((error: unknown) =>
      logger.warn({ err: error }, 'cannot remove the balancer tables of an earlier run'),
    );
  }
}
