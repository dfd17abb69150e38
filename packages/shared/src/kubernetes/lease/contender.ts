// SPDX-License-Identifier: Apache-2.0
import { type Clock, delay, systemClock, type Timer } from '../../runtime/clock.ts';
import { isAlreadyExists, isConflict, isNotFound, type ObjectRef } from '../client.ts';
import type { Lease } from '../objects.ts';
import { LEASES } from '../resources.ts';
import { LeaseCandidate } from './candidate.ts';
import type { LeaseElector, LeaseElectorOptions } from './elector.ts';
import { followLease } from './lease-source.ts';
import { writeLease } from './record.ts';

/** client-go's: candidates that poll wait between 1 and 1 + 1.2 retry periods. */
const JITTER_FACTOR = 1.2;
/** How long a write that is under way may take to its end when we are stopped. */
const SETTLE_LIMIT_MS = 1_000;
/** Longest time for giving a Lease back. */
const RELEASE_LIMIT_MS = 5_000;

/** The driver around {@link LeaseCandidate}: reads, writes, sleeps and tells. */
export class LeaseContender implements LeaseElector {
  readonly #options: LeaseElectorOptions;
  readonly #ref: ObjectRef & { readonly namespace: string };
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #candidate: LeaseCandidate;
  readonly #attemptMs: number;
  /** The object our next write builds on; undefined: look first. */
  #base: Lease | undefined;
  #absent = false;
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #attempt: AbortController | undefined;
  /** A write of ours may stand in the Lease without our knowing: it is under way, or its answer never came. */
  #unsettled = false;
  #isWriting = false;
  #wake: AbortController | undefined;
  #holding = false;
  #holdTimer: Timer | undefined;
  #holderTimer: Timer | undefined;
  #unfollow: (() => void) | undefined;
  #failures = 0;
  /** News came since the last try began. */
  #woken = false;
  /** Holder as last told to `onHolder`. */
  #announced: string | undefined;

  constructor(options: LeaseElectorOptions) {
    this.#options = options;
    this.#ref = { namespace: options.namespace, name: options.name };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#candidate = new LeaseCandidate(options.identity, options.timing);
    // Half the deadline, so that a call into a dead connection leaves time for one on a new connection.
    this.#attemptMs = options.timing.renewDeadlineMs / 2;
  }

  isHolder(): boolean {
    return this.#holding && this.#candidate.holds(this.#clock.monotonicMs());
  }

  holdUntilMs(): number {
    return this.#holding ? this.#candidate.holdUntilMs : 0;
  }

  holder(): string | undefined {
    return this.#candidate.holder;
  }

  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    const { source } = this.#options;
    if (source !== undefined) {
      this.#unfollow = followLease(source, this.#ref.namespace, this.#ref.name, (lease) => this.#seen(lease));
      const known = source.store.get(this.#ref.namespace, this.#ref.name);
      if (known !== undefined || source.isSynced) this.#seen(known);
    }
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(options: { readonly release: boolean }): Promise<void> {
    const wasHolding = this.#holding;
    this.#stopping?.abort();
    // A write that takes the Lease while we go would leave it in our name: nobody could have it before it runs out, and
    // we would look lost. So it is let finish, and then undone.
    const settles = options.release && this.#isWriting;
    const abort = () => this.#attempt?.abort(new Error('the contender was stopped'));
    const limit = settles ? this.#clock.setTimer(abort, SETTLE_LIMIT_MS) : undefined;
    if (!settles) abort();
    this.#wakeUp();
    this.#unfollow?.();
    this.#forgetHold();
    this.#holderTimer?.cancel();
    await this.#running;
    limit?.cancel();
    if (options.release && (wasHolding || this.#unsettled)) await this.#release();
  }

  async #run(signal: AbortSignal): Promise<void> {
    if (this.#options.source !== undefined) await this.#firstSight(this.#options.source, signal);
    while (!signal.aborted) {
      const startMs = this.#clock.monotonicMs();
      await this.#try(signal);
      if (signal.aborted) return;
      await this.#sleep(this.#nextTryMs(startMs) - this.#clock.monotonicMs(), signal);
    }
  }

  /** The first list tells what is there; if it does not come soon, we look ourselves. */
  async #firstSight(source: NonNullable<LeaseElectorOptions['source']>, signal: AbortSignal): Promise<void> {
    const limit = new AbortController();
    const timer = this.#clock.setTimer(() => limit.abort(), this.#options.timing.retryPeriodMs);
    try {
      await source.synced(AbortSignal.any([signal, limit.signal]));
      this.#seen(source.store.get(this.#ref.namespace, this.#ref.name));
    } catch (error) {
      this.#options.logger.debug(
        { lease: this.#ref, err: error },
        'no list of Leases yet; asking for this one',
      );
    } finally {
      timer.cancel();
    }
  }

  /** When to try again (Clock), given when the last try began. */
  #nextTryMs(startMs: number): number {
    const { timing, source } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    if (this.#holding) return startMs + timing.retryPeriodMs;
    const pollMs = timing.retryPeriodMs * (1 + JITTER_FACTOR * this.#random());
    const failed = this.#failures > 0;
    const blind = source === undefined || source.freshnessMs() > timing.leaseDurationMs;
    if (blind || failed || this.#candidate.holder === undefined) return nowMs + pollMs;
    // Whatever happens to the Lease wakes us. The poll behind it is for a watch that has lost its server.
    const fallbackMs = nowMs + Math.max(pollMs, timing.leaseDurationMs);
    const freeMs = this.#candidate.freeAtMs();
    return freeMs <= nowMs ? nowMs + pollMs : Math.min(freeMs, fallbackMs);
  }

  /** Sleeps until the time is over, news come, or we are stopped. */
  async #sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    if (delayMs <= 0 || signal.aborted || this.#woken) return;
    this.#wake = new AbortController();
    await delay(this.#clock, delayMs, this.#wake.signal);
    this.#wake = undefined;
  }

  #wakeUp(): void {
    this.#woken = true;
    this.#wake?.abort();
  }

  /** One round: look if need be, write if we may. Never throws. */
  async #try(signal: AbortSignal): Promise<void> {
    this.#woken = false;
    try {
      if (this.#mustLook()) await this.#limited((limit) => this.#look(limit));
      if (await this.#staggered(signal)) await this.#limited((limit) => this.#writeOrLook(limit));
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      // After an unknown outcome the Lease may be other than we think.
      this.#base = undefined;
      this.#absent = false;
      if (!signal.aborted) this.#noteFailure(error);
    }
  }

  /** Runs calls with a time limit; nothing they bring counts after it. */
  async #limited(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    const holdLeftMs = this.#holding
      ? this.#candidate.holdUntilMs - this.#clock.monotonicMs()
      : this.#attemptMs;
    const limitMs = Math.max(1, Math.min(this.#attemptMs, holdLeftMs));
    const late = () => attempt.abort(new Error(`no answer within ${Math.round(limitMs)} ms`));
    const timer = this.#clock.setTimer(late, limitMs);
    try {
      await work(attempt.signal);
    } finally {
      timer.cancel();
      this.#attempt = undefined;
    }
  }

  /**
   * A holder writes at once on what it wrote before; a candidate that watches writes on what it saw; a candidate that
   * polls looks each time.
   */
  #mustLook(): boolean {
    const { source, timing } = this.#options;
    if (this.#base === undefined && !this.#absent) return true;
    if (this.#holding) return false;
    return source === undefined || source.freshnessMs() > timing.leaseDurationMs;
  }

  /**
   * May we write? A candidate that finds the Lease free first waits its stagger, and judges again. News that come
   * meanwhile do not shorten the wait, or who is to come last would win by them.
   */
  async #staggered(signal: AbortSignal): Promise<boolean> {
    const startMs = this.#clock.monotonicMs();
    for (;;) {
      const nowMs = this.#clock.monotonicMs();
      if (signal.aborted || !this.#candidate.mayWrite(nowMs)) return false;
      const staggerMs = this.#holding ? 0 : (this.#options.acquireDelayMs?.() ?? 0);
      const leftMs = startMs + staggerMs - nowMs;
      if (leftMs <= 0) return true;
      this.#woken = false;
      await this.#sleep(leftMs, signal);
    }
  }

  async #writeOrLook(signal: AbortSignal): Promise<void> {
    try {
      await this.#write(signal);
    } catch (error) {
      if (!isConflict(error) && !isAlreadyExists(error) && !isNotFound(error)) throw error;
      // Somebody wrote in between. Look who; it may have been an earlier write of ours that was thought lost.
      await this.#look(signal);
      const ours = this.#holding || this.#candidate.holder === this.#options.identity;
      if (this.#isStopped()) return;
      if (ours && this.#candidate.mayWrite(this.#clock.monotonicMs())) await this.#write(signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    try {
      this.#observe(
        await this.#options.client.get(LEASES, this.#ref, {
          signal,
          urgent: true,
          timeoutMs: this.#attemptMs,
        }),
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#observe(undefined);
    }
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { client, annotations } = this.#options;
    const lease = writeLease(
      this.#base,
      this.#ref,
      this.#candidate.proposal(this.#clock.wallMs()),
      annotations,
    );
    const call = { signal, urgent: true, retry: false, timeoutMs: this.#attemptMs };
    const sentMs = this.#clock.monotonicMs();
    const written = await this.#settled(
      this.#base === undefined ? client.create(LEASES, lease, call) : client.replace(LEASES, lease, call),
    );
    if (signal.aborted) throw signal.reason;
    this.#base = written;
    this.#absent = false;
    if (this.#isStopped()) return;
    this.#unsettled = false;
    const nowMs = this.#clock.monotonicMs();
    const counts = this.#candidate.acknowledged(written, sentMs, nowMs);
    this.#holderChanged(nowMs);
    if (counts) this.#held();
  }

  /** Notes while a write is under way, and whether it may have come through when no answer did. */
  async #settled(write: Promise<Lease>): Promise<Lease> {
    const before = this.#unsettled;
    this.#unsettled = true;
    this.#isWriting = true;
    try {
      return await write;
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) this.#unsettled = before;
      throw error;
    } finally {
      this.#isWriting = false;
    }
  }

  #isStopped(): boolean {
    return this.#stopping?.signal.aborted ?? false;
  }

  /** News from the watch. */
  #seen(lease: Lease | undefined): void {
    const wasFreeAtMs = this.#candidate.freeAtMs();
    if (!this.#observe(lease)) return;
    // A holder whose Lease was deleted or erased writes it again at once; a candidate acts when it is free earlier.
    const erased = this.#holding && this.#candidate.holder !== this.#options.identity;
    if (erased || this.#candidate.freeAtMs() < wasFreeAtMs) this.#wakeUp();
  }

  #observe(lease: Lease | undefined): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#isOldNews(lease)) return false;
    this.#base = lease;
    this.#absent = lease === undefined;
    const news = this.#candidate.observe(lease, nowMs);
    if (!news) return false;
    const holder = this.#candidate.holder ?? '';
    const { identity } = this.#options;
    if (this.#holding && holder !== '' && holder !== identity) this.#lost(`the Lease was taken by ${holder}`);
    this.#holderChanged(nowMs);
    return true;
  }

  /** The watch may tell of a state that our own last write has already replaced. */
  #isOldNews(lease: Lease | undefined): boolean {
    const ours = this.#base?.metadata;
    const theirs = lease?.metadata;
    if (ours?.uid !== theirs?.uid || !ours?.resourceVersion || !theirs?.resourceVersion) return false;
    const [a, b] = [theirs.resourceVersion, ours.resourceVersion];
    return /^\d+$/.test(a + b) && BigInt(a) < BigInt(b);
  }

  /** A renewal counts: hold until its deadline. */
  #held(): void {
    const untilMs = this.#candidate.holdUntilMs;
    this.#holdTimer?.cancel();
    this.#holdTimer = this.#clock.setTimer(
      () => this.#lost('no renewal was acknowledged within the renew deadline'),
      untilMs - this.#clock.monotonicMs(),
    );
    if (this.#holding) {
      this.#options.onRenewed(untilMs);
      return;
    }
    this.#holding = true;
    this.#options.logger.info({ lease: this.#ref, holder: this.#options.identity }, 'Lease acquired');
    this.#options.onAcquired(untilMs);
  }

  #lost(reason: string): void {
    if (!this.#holding) return;
    this.#forgetHold();
    this.#attempt?.abort(new Error(reason));
    this.#options.logger.warn({ lease: this.#ref, reason }, 'Lease lost');
    this.#options.onLost(reason);
  }

  #forgetHold(): void {
    this.#holding = false;
    this.#candidate.drop();
    this.#holdTimer?.cancel();
  }

  /** Tells who holds, and later, if nothing changes, that his time is over. */
  #holderChanged(nowMs: number): void {
    this.#holderTimer?.cancel();
    const { onHolder, identity } = this.#options;
    const holder = this.#candidate.holder ?? '';
    if (this.#announced !== holder) {
      this.#announced = holder;
      onHolder?.(holder, false);
    }
    if (holder === '' || holder === identity) return;
    const expired = () => {
      this.#announced = undefined;
      onHolder?.(holder, true);
    };
    this.#holderTimer = this.#clock.setTimer(expired, this.#candidate.freeAtMs() - nowMs);
  }

  #noteFailure(error: unknown): void {
    const level = this.#failures === 1 ? 'warn' : 'debug';
    const message = error instanceof Error ? error.message : String(error);
    this.#options.logger[level](
      { lease: this.#ref, error: message, failures: this.#failures },
      'Lease not reached',
    );
  }

  async #release(): Promise<void> {
    const deadlineMs =
      this.#clock.monotonicMs() + Math.min(RELEASE_LIMIT_MS, this.#options.timing.renewDeadlineMs);
    while (this.#clock.monotonicMs() < deadlineMs) {
      try {
        await this.#releaseOnce(deadlineMs - this.#clock.monotonicMs());
        return;
      } catch (error) {
        this.#base = undefined;
        this.#noteFailure(error);
        if (isNotFound(error)) return;
        await delay(this.#clock, 100);
      }
    }
    this.#options.logger.warn(
      { lease: this.#ref },
      'Lease not given back; others have to wait until it runs out',
    );
  }

  async #releaseOnce(limitMs: number): Promise<void> {
    const limit = new AbortController();
    const timer = this.#clock.setTimer(
      () => limit.abort(new Error('no time left')),
      Math.min(limitMs, this.#attemptMs),
    );
    const call = { signal: limit.signal, urgent: true, retry: false, timeoutMs: Math.max(limitMs, 1) };
    try {
      const { client, identity } = this.#options;
      const base = this.#base ?? (await client.get(LEASES, this.#ref, call));
      // An earlier write whose fate we did not know must not make us free what is another's.
      if (base.spec?.holderIdentity !== identity) return;
      await client.replace(
        LEASES,
        writeLease(base, this.#ref, this.#candidate.release(this.#clock.wallMs())),
        call,
      );
    } finally {
      timer.cancel();
    }
  }
}
