// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type {
  AddressGroup,
  EngineHealth,
  EngineStats,
  Owner,
  OwnershipEngine,
  OwnershipState,
} from '../engine.ts';
import type { Lock, LockListener } from './lock.ts';

/** What {@link createLockEngine} needs. */
export interface LockEngineOptions {
  /** `single`, `etcd`: for people. */
  readonly name: string;
  readonly node: string;
  readonly createLock: (listener: LockListener) => Lock;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A drain that nobody ends gives the lock back anyway. */
const DRAIN_LOOK_MS = 5;
const NOBODY: ReadonlySet<string> = new Set();

/**
 * Whoever has the one lock has all addresses: for hosts outside a cluster, whose addresses move together. A host that cannot
 * serve one of them (its link is down) lets go of all, and does not ask for them again before it can.
 */
export function createLockEngine(options: LockEngineOptions): OwnershipEngine {
  return new LockEngine(options);
}

class LockEngine implements OwnershipEngine {
  readonly name: string;
  readonly #options: LockEngineOptions;
  readonly #lock: Lock;
  readonly #changeListeners = new Set<() => void>();
  readonly #extendListeners = new Set<(grants: ReadonlyMap<string, number>) => void>();
  readonly #stats = { acquired: 0, lost: 0 };
  #addresses: readonly string[] = [];
  #isServable = false;
  #isDraining = false;
  #isStarted = false;
  #isContending = false;
  /** What was granted at the last change, and how often that has changed. */
  #isGranted = false;
  #version = 0;
  /** Nothing of what was granted last is on this host any more. */
  #isOff = true;
  #owner: Owner | undefined;
  #expiry: Timer | undefined;
  #isNotifying = false;

  constructor(options: LockEngineOptions) {
    this.#options = options;
    this.name = options.name;
    this.#lock = options.createLock({ onChange: () => this.#evaluate(), onExtended: () => this.#extended() });
  }

  async start(): Promise<void> {
    await this.#lock.start();
    this.#isStarted = true;
    this.#evaluate();
  }

  want(groups: readonly AddressGroup[], unservable: ReadonlySet<string>): void {
    this.#addresses = groups.flatMap(({ addresses }) => addresses);
    this.#isServable =
      this.#addresses.length > 0 && !this.#addresses.some((address) => unservable.has(address));
    this.#evaluate();
  }

  report(held: ReadonlySet<string>, version: number): void {
    // A pass that began before the grant was taken away may be putting something on.
    if (version < this.#version || this.#isGranted) return;
    this.#isOff = !this.#addresses.some((address) => held.has(address));
    this.#evaluate();
  }

  state(): OwnershipState {
    const untilMs = this.#lock.holdUntilMs();
    return {
      version: this.#version,
      grants: new Map(this.#isGranted ? this.#addresses.map((address) => [address, untilMs]) : []),
      owners: new Map(this.#owner === undefined ? [] : this.#ownedBy(this.#owner)),
      lostNodes: NOBODY,
    };
  }

  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onExtended(listener: (grants: ReadonlyMap<string, number>) => void): () => void {
    this.#extendListeners.add(listener);
    return () => this.#extendListeners.delete(listener);
  }

  health(): EngineHealth {
    const problem = this.#lock.problem();
    if (problem !== undefined) return { ok: false, detail: problem };
    return { ok: this.#isStarted, detail: `owner ${this.#lock.holder() ?? 'not chosen yet'}` };
  }

  stats(): EngineStats {
    return { locks: new Map([[this.name, { ...this.#stats, isHolder: this.#isGranted }]]) };
  }

  async drain(limitMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#isDraining = true;
    this.#evaluate();
    const untilMs = clock.monotonicMs() + limitMs;
    while (this.#isContending && clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => {
        clock.setTimer(resolve, DRAIN_LOOK_MS);
      });
    }
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#expiry?.cancel();
    await this.#lock.stop();
  }

  get #isWanted(): boolean {
    return this.#isStarted && this.#isServable && !this.#isDraining;
  }

  #evaluate(): void {
    const { clock } = this.#options;
    if (this.#isWanted && !this.#isContending) {
      this.#isContending = true;
      this.#lock.contend(true);
    }
    const nowMs = clock.monotonicMs();
    const isGranted = this.#isWanted && this.#lock.holdUntilMs() > nowMs;
    const wasGranted = this.#isGranted;
    this.#isGranted = isGranted;
    if (isGranted !== wasGranted) this.#grantChanged(isGranted);
    if (!this.#isWanted && this.#isContending && this.#isOff) {
      this.#isContending = false;
      this.#lock.contend(false);
    }
    const hasNews = this.#noteOwner(nowMs) || isGranted !== wasGranted;
    this.#armExpiry(nowMs);
    if (hasNews) this.#notify();
  }

  #grantChanged(isGranted: boolean): void {
    this.#version++;
    if (isGranted) {
      this.#isOff = false;
      this.#stats.acquired++;
    } else if (this.#isWanted) {
      this.#stats.lost++;
      this.#options.logger.warn({ problem: this.#lock.problem() }, 'the right to the addresses was lost');
    }
  }

  /** Whether it is another one than before. */
  #noteOwner(nowMs: number): boolean {
    const node = this.#lock.holder();
    if (node === this.#owner?.node) return false;
    this.#owner = node === undefined ? undefined : { node, sinceMs: nowMs };
    return true;
  }

  #ownedBy(owner: Owner): readonly (readonly [string, Owner])[] {
    return this.#addresses.map((address) => [address, owner]);
  }

  #extended(): void {
    this.#armExpiry(this.#options.clock.monotonicMs());
    if (!this.#isGranted) return;
    const { grants } = this.state();
    for (const listener of this.#extendListeners) listener(grants);
  }

  /** Whoever is not heard of any more has lost it, without anybody saying so. */
  #armExpiry(nowMs: number): void {
    this.#expiry?.cancel();
    this.#expiry = undefined;
    if (!this.#isGranted) return;
    const waitMs = this.#lock.holdUntilMs() - nowMs;
    this.#expiry = this.#options.clock.setTimer(() => this.#evaluate(), waitMs + 1);
  }

  #notify(): void {
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    queueMicrotask(() => {
      this.#isNotifying = false;
      for (const listener of this.#changeListeners) listener();
    });
  }
}
