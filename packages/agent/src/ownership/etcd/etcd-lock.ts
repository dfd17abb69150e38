// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { Lock, LockListener } from '../lock/lock.ts';
import type { EtcdClient } from './etcd-client.ts';

/** What an {@link EtcdLock} needs. */
export interface EtcdLockOptions {
  readonly client: EtcdClient;
  /** Where the owner's name stands. */
  readonly key: string;
  readonly node: string;
  /** Time to live of the owner's session; etcd makes it longer when it is shorter than its own elections take. */
  readonly ttlSeconds: number;
  readonly listener: LockListener;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A session with etcd: a lease that is kept alive. */
interface Session {
  readonly lease: string;
  ttlMs: number;
  /** On our clock, counted from when the last word that etcd has acknowledged was sent. */
  untilMs: number;
}

/** Renewals in the time to live of a session. */
const RENEWALS = 4;
/** Part of the time to live that is left to clocks that run differently, and to frames on their way. */
const MARGIN = 0.1;
/** However silent the watch is. */
const LOOK_MS = 1_000;
/** Between two attempts at anything. */
const RETRY_MS = 250;

/**
 * A lock in etcd: a key that can only be created, and that lives by the session of whoever has created it. The session ends
 * in etcd no sooner than its time to live after etcd has heard of us last; here it ends so long after we *sent* that word,
 * and a little earlier. So the next owner never begins before this one has ended.
 *
 * What is believed of the key is only what was read of it: a watch merely says when to read.
 */
export class EtcdLock implements Lock {
  readonly #options: EtcdLockOptions;
  readonly #ended = new AbortController();
  #session: Session | undefined;
  #holder: { readonly node: string; readonly lease: string } | undefined;
  #isContending = false;
  #isLooking = false;
  #isLookWanted = false;
  #isRenewing = false;
  #problem: string | undefined;
  #lookTimer: Timer | undefined;
  #renewTimer: Timer | undefined;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: EtcdLockOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#look();
    this.#watching = this.#watch();
  }

  contend(isOn: boolean): void {
    if (isOn === this.#isContending) return;
    this.#isContending = isOn;
    if (isOn) void this.#renew();
    else void this.#endSession();
  }

  holdUntilMs(): number {
    const session = this.#session;
    const isOurs = session !== undefined && this.#holder?.lease === session.lease;
    return isOurs ? session.untilMs : Number.NEGATIVE_INFINITY;
  }

  holder(): string | undefined {
    return this.#holder?.node;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  async stop(): Promise<void> {
    this.#isContending = false;
    this.#ended.abort(new Error('the lock was stopped'));
    this.#lookTimer?.cancel();
    this.#renewTimer?.cancel();
    await this.#endSession();
    await this.#watching;
    await this.#options.client.close();
  }

  /** Begins a session, or prolongs it; over and over while this host contends. */
  async #renew(): Promise<void> {
    if (this.#isRenewing || !this.#isContending) return;
    this.#isRenewing = true;
    const { client, clock, listener, ttlSeconds } = this.#options;
    let pauseMs = RETRY_MS;
    try {
      const sentMs = clock.monotonicMs();
      const before = this.#session;
      if (before === undefined) {
        const { lease, ttlSeconds: ttl } = await client.grant(ttlSeconds);
        this.#session = { lease, ttlMs: ttl * 1_000, untilMs: endOf(sentMs, ttl) };
        await this.#look();
      } else {
        const ttl = await client.keepAlive(before.lease);
        if (ttl === undefined) this.#lose(before, 'etcd has ended the session');
        else before.untilMs = Math.max(before.untilMs, endOf(sentMs, ttl));
        if (ttl !== undefined && this.#holder?.lease === before.lease) listener.onExtended();
      }
      this.#problem = undefined;
      if (this.#session !== undefined) pauseMs = this.#session.ttlMs / RENEWALS;
    } catch (error) {
      this.#failed(error);
      this.#loseIfOver(clock.monotonicMs());
    } finally {
      this.#isRenewing = false;
    }
    if (!this.#isContending) {
      await this.#endSession();
      return;
    }
    this.#renewTimer?.cancel();
    this.#renewTimer = clock.setTimer(() => void this.#renew(), pauseMs);
  }

  /** Who has the key; and takes it when it is free and wanted. One look at a time, and one more for whoever asked meanwhile. */
  async #look(): Promise<void> {
    this.#isLookWanted = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      while (this.#isLookWanted) {
        this.#isLookWanted = false;
        await this.#lookOnce();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isLooking = false;
    }
    if (this.#ended.signal.aborted) return;
    this.#lookTimer?.cancel();
    const waitMs = this.#problem === undefined ? LOOK_MS : RETRY_MS;
    this.#lookTimer = this.#options.clock.setTimer(() => void this.#look(), waitMs);
  }

  async #lookOnce(): Promise<void> {
    const { client, key, node, clock } = this.#options;
    const found = await client.get(key);
    this.#become(found === undefined ? undefined : { node: found.value, lease: found.lease });
    const session = this.#session;
    if (found !== undefined || !this.#isContending || session === undefined) return;
    if (clock.monotonicMs() >= session.untilMs) return;
    if (await client.create(key, node, session.lease)) this.#become({ node, lease: session.lease });
    else this.#isLookWanted = true;
  }

  #become(holder: { readonly node: string; readonly lease: string } | undefined): void {
    this.#problem = undefined;
    if (holder?.lease === this.#holder?.lease) return;
    this.#holder = holder;
    this.#options.listener.onChange();
  }

  #loseIfOver(nowMs: number): void {
    const session = this.#session;
    if (session !== undefined && nowMs >= session.untilMs)
      this.#lose(session, 'etcd was not reached in time');
  }

  #lose(session: Session, why: string): void {
    if (this.#session !== session) return;
    const wasHolder = this.#holder?.lease === session.lease;
    this.#session = undefined;
    this.#options.logger.warn({ why }, 'a session with etcd is over');
    if (wasHolder) this.#options.listener.onChange();
  }

  async #endSession(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    const wasHolder = this.#holder?.lease === session.lease;
    this.#session = undefined;
    if (wasHolder) this.#holder = undefined;
    if (wasHolder) this.#options.listener.onChange();
    try {
      await this.#options.client.revoke(session.lease);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'a session with etcd could not be ended; it ends by itself');
    }
  }

  async #watch(): Promise<void> {
    const { client, key, clock } = this.#options;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        await client.watch(key, () => void this.#look(), signal);
      } catch (error) {
        if (!signal.aborted) this.#failed(error);
      }
      if (signal.aborted) return;
      await pause(clock, RETRY_MS, signal);
    }
  }

  #failed(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    const words = error instanceof Error ? error.message : String(error);
    if (this.#problem === undefined) this.#options.logger.warn({ err: error }, 'etcd does not answer');
    this.#problem = words;
  }
}

function endOf(sentMs: number, ttlSeconds: number): number {
  return sentMs + ttlSeconds * 1_000 * (1 - MARGIN);
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        timer.cancel();
        resolve();
      },
      { once: true },
    );
  });
}
