// SPDX-License-Identifier: Apache-2.0
/** Lab program: an address keeper as the agent runs it, driven by a test. */
import { Worker } from 'node:worker_threads';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger } from '@fairlead/shared/runtime/logging.ts';
import { programsStarted } from '../../system/commands.ts';
import { NodeLockHeldError, takeNodeLock } from '../../system/node-lock.ts';
import type { AddressKeeper } from '../address-keeper.ts';
import { createAddressKeeper } from '../create-address-keeper.ts';
import { report, serveCommands } from './program.ts';

interface Command {
  readonly do:
    | 'start'
    | 'apply'
    | 'extend'
    | 'prepare'
    | 'held'
    | 'stats'
    | 'programs'
    | 'stall'
    | 'endThread'
    | 'stop';
  readonly addresses?: readonly string[];
  /** Deadline of the grants, from now. */
  readonly forMs?: number;
  readonly interface?: string;
  readonly addressOn?: 'lo' | 'interface';
  readonly lifetimeMs?: number;
}

let keeper: AddressKeeper | undefined;

/** The announcing thread, caught when something is sent to it, so that a test can end it behind the keeper's back. */
let thread: Worker | undefined;
const send = Worker.prototype.postMessage;
Worker.prototype.postMessage = function catchAndSend(this: Worker, ...message: Parameters<typeof send>) {
  thread = this;
  send.apply(this, message);
};

async function start(command: Command): Promise<object> {
  try {
    await takeNodeLock();
  } catch (error) {
    if (error instanceof NodeLockHeldError) return { refused: error.message, holderPid: error.holderPid };
    throw error;
  }
  const logger = createLogger({ name: 'keeper', level: 'silent' });
  keeper = await createAddressKeeper({
    logger,
    nodeName: 'lab',
    ...(command.addressOn === undefined ? {} : { addressOn: command.addressOn }),
    ...(command.lifetimeMs === undefined ? {} : { lifetimeMs: command.lifetimeMs }),
  });
  keeper.onForeignClaim((claim) => report({ claim }));
  keeper.onLoss((loss) => report({ loss }));
  return {};
}

serveCommands(async (raw) => {
  const command = raw as unknown as Command;
  if (command.do === 'start') return start(command);
  if (keeper === undefined) throw new Error('not started');
  const untilMs = systemClock.monotonicMs() + (command.forMs ?? 600_000);
  const grants = (command.addresses ?? []).map((address) => ({
    address,
    interface: command.interface ?? 'eth0',
    untilMs,
  }));
  switch (command.do) {
    case 'apply': {
      const beginMs = systemClock.monotonicMs();
      await keeper.apply(grants);
      return { tookMs: systemClock.monotonicMs() - beginMs };
    }
    case 'extend':
      keeper.extend(grants);
      return {};
    case 'prepare':
      await keeper.prepare(command.addresses ?? []);
      return {};
    case 'held':
      return { held: [...keeper.held().values()] };
    case 'stats': {
      const { addresses, ...totals } = keeper.stats();
      return { ...totals, addresses: Object.fromEntries(addresses) };
    }
    case 'programs':
      return { programs: Object.fromEntries(programsStarted()) };
    case 'stall': {
      const endMs = systemClock.monotonicMs() + (command.forMs ?? 0);
      // Busy on purpose: the main thread must not run anything else.
      while (systemClock.monotonicMs() < endMs);
      return {};
    }
    case 'endThread':
      await thread?.terminate();
      return {};
    case 'stop':
      await keeper.stop();
      return {};
  }
});
