// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { UNTIL_WITHDRAWN } from '../ownership/engine.ts';
import type { FromRaft, RaftPort } from '../ownership/raft-driver/raft-port.ts';
import { addressDrift, type PlacedAddress, removeAddresses, renewAddresses } from '../system/addresses.ts';
import { type KernelGuard, sendersOf } from '../system/kernel-guard.ts';
import type { Link } from '../system/link.ts';
import { listLinks } from '../system/links.ts';
import type {
  AddressKeeper,
  AddressLoss,
  AnnouncerStats,
  ForeignClaim,
  HeldAddress,
} from './address-keeper.ts';
import type { Grant } from './grant.ts';
import type { ResponderTiming } from './responder.ts';
import { type WorkerGoneError, WorkerHandle, type WorkerNews } from './worker-handle.ts';
import type { WorkerCounters } from './worker-protocol.ts';

/** Settings of a keeper, complete. */
export interface KeeperSettings {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly addressOn: 'lo' | 'interface';
  readonly loGlobalScope: boolean;
  readonly lifetimeMs: number;
  readonly timing: ResponderTiming;
}

/** An address that is configured on this node, or is about to be. */
interface Entry {
  readonly grant: Grant;
  readonly placed: PlacedAddress;
  readonly sinceMs: number;
  /** The kernel may have the address. */
  isPlaced: boolean;
  placedMs?: number;
  answering: boolean;
  problem?: string;
}

const NO_COUNTERS: WorkerCounters = {
  framesSent: 0,
  framesFailed: 0,
  framesSuppressed: 0,
  probesAnswered: 0,
  foreignClaims: 0,
  letGo: 0,
  addresses: new Map(),
};
/** Pause before a thread that failed is replaced. */
const WORKER_RESTART_MS = 200;
/** How often it is looked whether somebody has removed the guard; a look costs some microseconds. */
const GUARD_LOOK_MS = 100;
/** Part of the lifetime after which addresses are renewed: three chances before the first one evaporates. */
const RENEWALS_PER_LIFETIME = 0.3;

/**
 * Brings kernel and worker to the desired state, one pass at a time: guard first, address second, answering third; on
 * the way back silent first, then the address, then the guard.
 */
export class Keeper implements AddressKeeper {
  readonly #settings: KeeperSettings;
  readonly #guard: KernelGuard;
  readonly #entries = new Map<string, Entry>();
  readonly #claimListeners = new Set<(claim: ForeignClaim) => void>();
  readonly #lossListeners = new Set<(loss: AddressLoss) => void>();
  readonly #linkListeners = new Set<() => void>();
  readonly #raftListeners = new Set<(report: FromRaft) => void>();
  readonly raft: RaftPort = {
    tell: (command) => this.#worker.tellRaft(command),
    onReport: (listener) => {
      this.#raftListeners.add(listener);
      return () => this.#raftListeners.delete(listener);
    },
  };
  #desired: ReadonlyMap<string, Grant> = new Map();
  #prepared: ReadonlySet<string> = new Set();
  #worker: WorkerHandle;
  #counters = NO_COUNTERS;
  /** Totals of workers that have ended. */
  #earlier = NO_COUNTERS;
  #lastPass: Promise<void> = Promise.resolve();
  #nextPass: Promise<void> | undefined;
  #renewalDue = false;
  #renewalTimer: Timer | undefined;
  #guardTimer: Timer | undefined;
  #isStopped = false;

  constructor(settings: KeeperSettings, guard: KernelGuard) {
    this.#settings = settings;
    this.#guard = guard;
    this.#worker = this.#startWorker();
  }

  /**
   * To be called when the guard has been built. Resolves when the announcing thread listens, so that the first takeover does
   * not wait for its start.
   */
  ready(): Promise<void> {
    this.#scheduleRenewal();
    this.#watchGuard();
    return this.#worker.release([]);
  }

  /** Ends a keeper that never became {@link ready}, and touches nothing else: what a predecessor left may need its guard. */
  async abandon(): Promise<void> {
    this.#isStopped = true;
    await this.#worker.stop();
  }

  apply(grants: readonly Grant[]): Promise<void> {
    if (this.#isStopped) return Promise.reject(new Error('the address keeper has been stopped'));
    this.#desired = new Map(grants.map((grant) => [grant.address, grant]));
    this.#passOnDeadlines(grants);
    return this.#requestPass();
  }

  extend(grants: readonly Grant[]): void {
    if (this.#isStopped) return;
    const later = grants.flatMap((grant) => {
      const known = this.#desired.get(grant.address);
      return known !== undefined && grant.untilMs > known.untilMs
        ? [{ ...known, untilMs: grant.untilMs }]
        : [];
    });
    if (later.length === 0) return;
    const desired = new Map(this.#desired);
    for (const grant of later) desired.set(grant.address, grant);
    this.#desired = desired;
    this.#passOnDeadlines(later);
  }

  prepare(addresses: readonly string[]): Promise<void> {
    if (this.#isStopped) return Promise.reject(new Error('the address keeper has been stopped'));
    this.#prepared = new Set(addresses);
    return this.#requestPass();
  }

  held(): ReadonlyMap<string, HeldAddress> {
    const nowMs = this.#settings.clock.monotonicMs();
    const held = new Map<string, HeldAddress>();
    for (const [address, entry] of this.#entries) {
      const untilMs = this.#desired.get(address)?.untilMs ?? 0;
      if (untilMs <= nowMs) continue;
      const { answering, problem, sinceMs, placedMs } = entry;
      held.set(address, {
        address,
        interface: entry.grant.interface,
        untilMs,
        sinceMs,
        ...(placedMs === undefined ? {} : { placedMs }),
        answering,
        ...(problem === undefined ? {} : { problem }),
      });
    }
    return held;
  }

  stats(): AnnouncerStats {
    const [a, b] = [this.#earlier, this.#counters];
    return {
      framesSent: a.framesSent + b.framesSent,
      framesFailed: a.framesFailed + b.framesFailed,
      framesSuppressed: a.framesSuppressed + b.framesSuppressed,
      probesAnswered: a.probesAnswered + b.probesAnswered,
      foreignClaims: a.foreignClaims + b.foreignClaims,
      letGo: a.letGo + b.letGo,
      addresses: b.addresses,
    };
  }

  onForeignClaim(listener: (claim: ForeignClaim) => void): () => void {
    this.#claimListeners.add(listener);
    return () => this.#claimListeners.delete(listener);
  }

  onLoss(listener: (loss: AddressLoss) => void): () => void {
    this.#lossListeners.add(listener);
    return () => this.#lossListeners.delete(listener);
  }

  onLinksChanged(listener: () => void): () => void {
    this.#linkListeners.add(listener);
    return () => this.#linkListeners.delete(listener);
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#renewalTimer?.cancel();
    this.#guardTimer?.cancel();
    this.#desired = new Map();
    this.#prepared = new Set();
    await this.#requestPass();
    await this.#worker.stop();
    if (this.#entries.size > 0) {
      // The guard keeps the kernel silent about them until they have evaporated; the next start sweeps it.
      this.#settings.logger.error({ addresses: [...this.#entries.keys()] }, 'addresses could not be removed');
      return;
    }
    await this.#guard.destroy();
  }

  #passOnDeadlines(grants: readonly Grant[]): void {
    const known = grants.filter((grant) => {
      if (grant.untilMs === UNTIL_WITHDRAWN) return false;
      const entry = this.#entries.get(grant.address);
      return entry?.answering === true && entry.grant.interface === grant.interface;
    });
    if (known.length > 0) this.#worker.setDeadlines(known);
  }

  /** One pass at a time; requests made while one runs share the next. */
  #requestPass(): Promise<void> {
    if (this.#nextPass === undefined) {
      this.#nextPass = this.#lastPass.then(() => {
        this.#nextPass = undefined;
        return this.#pass();
      });
      this.#lastPass = this.#nextPass;
    }
    return this.#nextPass;
  }

  /** Never rejects: what failed is logged, shows in held() and is tried again with the next pass. */
  async #pass(): Promise<void> {
    const steps = [
      () => this.#withdraw(),
      () => this.#renew(),
      () => this.#guard.add([...this.#prepared].filter((address) => addressOf(address) !== undefined)),
      () => this.#takeUp(),
      () => this.#unguard(),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        this.#settings.logger.error({ err: error }, 'bringing the addresses of this node up to date failed');
      }
    }
  }

  #wanted(): ReadonlyMap<string, Grant> {
    const nowMs = this.#settings.clock.monotonicMs();
    return new Map([...this.#desired].filter(([, grant]) => grant.untilMs > nowMs));
  }

  /** Silent, then off: everything that is no longer wanted here or that has to move to another link. */
  async #withdraw(): Promise<void> {
    const wanted = this.#wanted();
    const leaving = [...this.#entries.values()].filter(
      ({ grant }) => wanted.get(grant.address)?.interface !== grant.interface,
    );
    if (leaving.length === 0) return;
    const names = leaving.map(({ grant }) => grant.address);
    await this.#worker.release(names);
    for (const entry of leaving) entry.answering = false;
    const failures = removeAddresses(leaving.filter(({ isPlaced }) => isPlaced).map(({ placed }) => placed));
    for (const { address, problem } of failures) {
      const entry = this.#entries.get(address);
      if (entry !== undefined) entry.problem = problem;
      this.#settings.logger.error(
        { address, problem },
        'address cannot be removed; it will evaporate by itself',
      );
    }
    const failed = new Set(failures.map(({ address }) => address));
    for (const address of names) if (!failed.has(address)) this.#entries.delete(address);
    this.#settings.logger.info({ addresses: names }, 'addresses released');
  }

  /** Guard, address, answering: everything that is wanted here and not answered for. */
  async #takeUp(): Promise<void> {
    const fresh = [...this.#wanted().values()].filter(
      ({ address }) => this.#entries.get(address)?.answering !== true,
    );
    if (fresh.length === 0) return;
    const entries = new Map(fresh.map((grant) => [grant.address, this.#entryOf(grant)]));
    for (const [address, entry] of entries) this.#entries.set(address, entry);
    const fail = ({ address, problem }: { address: string; problem: string }): void => {
      const entry = entries.get(address);
      if (entry !== undefined) entry.problem = problem;
      entries.delete(address);
      this.#settings.logger.error({ address, problem }, 'address cannot be held');
    };
    for (const address of entries.keys()) {
      if (addressOf(address) === undefined) fail({ address, problem: `"${address}" is not an IP address` });
    }
    try {
      await this.#guard.add([...entries.keys()]);
    } catch (error) {
      // Without the guard the kernel would answer even when nobody may.
      const problem = error instanceof Error ? error.message : String(error);
      for (const address of [...entries.keys()]) fail({ address, problem });
      return;
    }
    for (const entry of entries.values()) entry.isPlaced = true;
    const refused = renewAddresses(
      [...entries.values()].map(({ placed }) => placed),
      this.#validSeconds(),
    );
    for (const failure of refused) fail(failure);
    const placedMs = this.#settings.clock.monotonicMs();
    for (const entry of entries.values()) entry.placedMs = placedMs;
    // Deadlines may have moved on, and grants may have gone, while the kernel was busy.
    const wanted = this.#wanted();
    const grants = [...entries.keys()].flatMap((address) => wanted.get(address) ?? []);
    for (const problem of await this.#worker.hold(grants)) {
      if (problem.isWithdrawn === true) entries.delete(problem.address);
      else fail(problem);
    }
    for (const { address } of grants) {
      const entry = entries.get(address);
      if (entry !== undefined) entry.answering = true;
    }
    // An extension that arrived between the call and its acknowledgement did not know that the address is held.
    this.#passOnDeadlines([...this.#desired.values()].filter(({ address }) => entries.has(address)));
    this.#settings.logger.info({ addresses: grants.map(({ address }) => address) }, 'addresses taken');
  }

  #entryOf(grant: Grant): Entry {
    const { addressOn, loGlobalScope } = this.#settings;
    const link = addressOn === 'lo' ? 'lo' : grant.interface;
    const scope = link === 'lo' && loGlobalScope ? 'global' : 'host';
    const placed = { address: grant.address, link, scope } as const;
    return { grant, placed, sinceMs: this.#settings.clock.monotonicMs(), isPlaced: false, answering: false };
  }

  /** Renews lifetimes and repairs drift, when it is time: one dump and one batch for all addresses. */
  async #renew(): Promise<void> {
    if (!this.#renewalDue) return;
    this.#renewalDue = false;
    const links = await listLinks();
    const isGuarded = (address: string): boolean => this.#guard.has(address);
    if (await this.#guard.maintain(sendersOf(links, isGuarded))) {
      this.#settings.logger.warn('the nftables guard had been removed by somebody and was put back');
    }
    await this.#repair(links);
  }

  async #repair(links: readonly Link[]): Promise<void> {
    const wanted = this.#wanted();
    const placed = [...this.#entries.values()]
      .filter(({ grant, isPlaced }) => isPlaced && wanted.has(grant.address))
      .map((entry) => entry.placed);
    const drift = addressDrift(placed, links, (address) => this.#guard.has(address));
    if (drift.missing.length > 0) {
      this.#settings.logger.warn(
        { addresses: drift.missing.map(({ address }) => address) },
        'addresses had been removed by somebody and are put back',
      );
    }
    removeAddresses(drift.surplus);
    for (const failure of renewAddresses(placed, this.#validSeconds())) {
      this.#settings.logger.error(failure, 'address cannot be renewed');
    }
    // Says again what should be the case; changes nothing unless worker and keeper had come to differ.
    const live = [...this.#wanted().values()].filter(({ address }) => this.#entries.get(address)?.answering);
    if (live.length > 0) await this.#worker.hold(live);
  }

  /** The guard goes last, and never while the address is here or may soon be. */
  async #unguard(): Promise<void> {
    await this.#guard.retain((address) => this.#entries.has(address) || this.#prepared.has(address));
  }

  #validSeconds(): number {
    return Math.max(1, Math.ceil(this.#settings.lifetimeMs / 1000));
  }

  #scheduleRenewal(): void {
    const { clock, lifetimeMs } = this.#settings;
    this.#renewalTimer = clock.setTimer(() => {
      this.#renewalDue = true;
      void this.#requestPass().finally(() => {
        if (!this.#isStopped) this.#scheduleRenewal();
      });
    }, lifetimeMs * RENEWALS_PER_LIFETIME);
  }

  /** Without the guard the kernel would answer as well, and on after our death: it does not wait for the next renewal. */
  #watchGuard(): void {
    this.#guardTimer = this.#settings.clock.setTimer(() => {
      this.#guard
        .isThere()
        .then(async (isThere) => {
          if (isThere) return;
          this.#renewalDue = true;
          await this.#requestPass();
        })
        .catch((error: unknown) => {
          this.#settings.logger.warn({ err: error }, 'it cannot be seen whether the nftables guard is there');
        })
        .finally(() => {
          if (!this.#isStopped) this.#watchGuard();
        });
    }, GUARD_LOOK_MS);
  }

  #startWorker(): WorkerHandle {
    return new WorkerHandle(this.#settings.timing, {
      message: (message) => this.#onMessage(message),
      gone: (error) => this.#onWorkerGone(error),
    });
  }

  #onWorkerGone(error: WorkerGoneError): void {
    this.#settings.logger.error({ err: error }, 'the announcing thread failed and is started anew');
    const total = this.stats();
    this.#earlier = { ...total, addresses: new Map() };
    this.#counters = NO_COUNTERS;
    this.#tellRaft({ type: 'gone' });
    this.#onLost([...this.#entries.keys()], 'workerFailed');
    this.#settings.clock.setTimer(() => {
      if (this.#isStopped) return;
      this.#worker = this.#startWorker();
      this.#tellRaft({ type: 'back' });
      void this.#requestPass();
    }, WORKER_RESTART_MS);
  }

  #onMessage(message: WorkerNews): void {
    const { logger } = this.#settings;
    switch (message.type) {
      case 'counters':
        this.#counters = message.counters;
        return;
      case 'lost':
        this.#onLost(message.addresses, message.reason);
        void this.#requestPass();
        return;
      case 'claim': {
        const { type: _, ...claim } = message;
        logger.warn(claim, 'somebody else claims an address that this node holds');
        for (const listener of this.#claimListeners) listener(claim);
        return;
      }
      case 'raft':
        this.#tellRaft(message.report);
        return;
      case 'linksChanged':
        for (const listener of this.#linkListeners) listener();
        return;
      case 'link':
        if (message.problem === undefined) logger.info({ interface: message.interface }, 'link is well');
        else logger.warn({ interface: message.interface, problem: message.problem }, 'trouble with a link');
    }
  }

  #tellRaft(report: FromRaft): void {
    for (const listener of this.#raftListeners) listener(report);
  }

  #onLost(addresses: readonly string[], reason: AddressLoss['reason']): void {
    for (const address of addresses) {
      const entry = this.#entries.get(address);
      if (entry !== undefined) entry.answering = false;
    }
    if (addresses.length === 0) return;
    this.#settings.logger.warn({ addresses, reason }, 'answering ended without being asked for');
    for (const listener of this.#lossListeners) listener({ addresses, reason });
  }
}
