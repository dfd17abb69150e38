// SPDX-License-Identifier: Apache-2.0
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { KernelGuard, sendersOf } from '../system/kernel-guard.ts';
import { listLinks } from '../system/links.ts';
import { sweepLeftovers } from '../system/sweep.ts';
import type { AddressKeeper, AddressKeeperOptions } from './address-keeper.ts';
import { Keeper, type KeeperSettings } from './keeper.ts';
import { DEFAULT_RESPONDER_TIMING } from './responder.ts';

/** A keeper that is being made. */
export interface StartingKeeper {
  /** When what a killed predecessor left behind is gone, and others may put their own in its place. */
  readonly swept: Promise<void>;
  readonly keeper: Promise<AddressKeeper>;
}

/**
 * Sweeps the leftovers of a killed predecessor, puts the guard in place and starts the worker thread that owns the
 * sockets. The caller holds the node lock.
 *
 * @throws CommandError, for instance without CAP_NET_ADMIN
 */
export function createAddressKeeper(options: AddressKeeperOptions): Promise<AddressKeeper> {
  return startAddressKeeper(options).keeper;
}

/** As {@link createAddressKeeper}, for a caller that has other things to start meanwhile. */
export function startAddressKeeper(options: AddressKeeperOptions): StartingKeeper {
  const guard = new KernelGuard();
  // Its thread takes as long to start as all of the rest, and says nothing before it is told of an address.
  const keeper = new Keeper(settingsOf(options), guard);
  const swept = sweep(options);
  const ready = async (): Promise<AddressKeeper> => {
    try {
      await swept;
      await guard.build(sendersOf(await listLinks(), () => false));
    } catch (error) {
      await keeper.abandon();
      throw error;
    }
    await keeper.ready();
    return keeper;
  };
  return { swept, keeper: ready() };
}

function settingsOf(options: AddressKeeperOptions): KeeperSettings {
  return {
    logger: options.logger,
    clock: options.clock ?? systemClock,
    addressOn: options.addressOn ?? 'lo',
    loGlobalScope: options.loGlobalScope ?? false,
    lifetimeMs: options.lifetimeMs ?? 8000,
    timing: {
      ...DEFAULT_RESPONDER_TIMING,
      refreshIntervalMs: options.refreshIntervalMs ?? DEFAULT_RESPONDER_TIMING.refreshIntervalMs,
    },
  };
}

async function sweep({ logger }: AddressKeeperOptions): Promise<void> {
  const swept = await sweepLeftovers();
  if (swept.addresses.length === 0 && swept.tables.length === 0) return;
  logger.warn(
    {
      addresses: swept.addresses.map(({ address }) => address),
      tables: swept.tables.map(({ name }) => name),
    },
    'removed what a killed predecessor had left behind',
  );
}
