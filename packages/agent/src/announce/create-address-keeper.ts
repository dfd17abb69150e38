// SPDX-License-Identifier: Apache-2.0
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { KernelGuard, sendersOf } from '../system/kernel-guard.ts';
import { listLinks } from '../system/links.ts';
import { sweepLeftovers } from '../system/sweep.ts';
import type { AddressKeeper, AddressKeeperOptions } from './address-keeper.ts';
import { Keeper } from './keeper.ts';
import { DEFAULT_RESPONDER_TIMING } from './responder.ts';

/**
 * Sweeps the leftovers of a killed predecessor, puts the guard in place and starts the worker thread that owns the
 * sockets. The caller holds the node lock.
 *
 * @throws CommandError, for instance without CAP_NET_ADMIN
 */
export async function createAddressKeeper(options: AddressKeeperOptions): Promise<AddressKeeper> {
  const { logger } = options;
  const swept = await sweepLeftovers();
  if (swept.addresses.length > 0 || swept.tables.length > 0) {
    logger.warn(
      {
        addresses: swept.addresses.map(({ address }) => address),
        tables: swept.tables.map(({ name }) => name),
      },
      'removed what a killed predecessor had left behind',
    );
  }
  const guard = new KernelGuard();
  await guard.build(sendersOf(await listLinks(), () => false));
  const keeper = new Keeper(
    {
      logger,
      clock: options.clock ?? systemClock,
      addressOn: options.addressOn ?? 'lo',
      loGlobalScope: options.loGlobalScope ?? false,
      lifetimeMs: options.lifetimeMs ?? 8000,
      timing: {
        ...DEFAULT_RESPONDER_TIMING,
        refreshIntervalMs: options.refreshIntervalMs ?? DEFAULT_RESPONDER_TIMING.refreshIntervalMs,
      },
    },
    guard,
  );
  await keeper.ready();
  return keeper;
}
