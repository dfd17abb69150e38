// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino';
import type { Clock } from '../../runtime/clock.ts';
import type { KubeClient } from '../client.ts';
import type { Lease } from '../objects.ts';
import type { Reflector } from '../reflector.ts';
import { LeaseContender } from './contender.ts';

/** The three times of client-go's leader election; `retryPeriodMs` < `renewDeadlineMs` < `leaseDurationMs`. */
export interface LeaseTiming {
  /** Others may take the Lease this long after they saw its last renewal; whole seconds on the wire. */
  readonly leaseDurationMs: number;
  /** The holder gives up this long after it sent its last successful renewal. */
  readonly renewDeadlineMs: number;
  /** Time between renewals, and between tries of candidates. */
  readonly retryPeriodMs: number;
}

/** One contender for one Lease. */
export interface LeaseElector {
  start(): void;
  /** `holdUntilMs()` lies in the future. */
  isHolder(): boolean;
  /**
   * Monotonic time (Clock) up to which we hold: when the last acknowledged renewal was *sent*, plus the renew
   * deadline. 0 when not holding. Check it before each act that only the holder may do.
   */
  holdUntilMs(): number;
  /** Identity in the Lease as last seen, '' or undefined when free or unknown. */
  holder(): string | undefined;
  /** Stops contending; with `release` (and when holding) frees the Lease so that another takes it at once. */
  stop(options: { readonly release: boolean }): Promise<void>;
}

/** What {@link createLeaseElector} needs. The callbacks must not throw. */
export interface LeaseElectorOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Name of the Lease object. */
  readonly name: string;
  /** Who we are, unique among the contenders (node name). */
  readonly identity: string;
  readonly timing: LeaseTiming;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** [0, 1). */
  readonly random?: () => number;
  /** Watches the Lease (and perhaps others): then candidates wake when it is free instead of polling. */
  readonly source?: Reflector<Lease>;
  /** Extra wait before taking a free Lease, to spread Leases over nodes or to prefer one. */
  readonly acquireDelayMs?: () => number;
  /** Annotations to put on the Lease when we create or take it. */
  readonly annotations?: Readonly<Record<string, string>>;
  onAcquired(holdUntilMs: number): void;
  onRenewed(holdUntilMs: number): void;
  onLost(reason: string): void;
  /** The holder as seen has changed, or its time has run out. */
  onHolder?(holder: string, expired: boolean): void;
}

/**
 * Makes a contender; nothing happens before `start()`.
 *
 * @throws Error when the times do not fit together
 */
export function createLeaseElector(options: LeaseElectorOptions): LeaseElector {
  const problem = timingProblem(options.timing);
  if (problem !== undefined) throw new Error(`Lease ${options.namespace}/${options.name}: ${problem}`);
  return new LeaseContender(options);
}

/** Says what is wrong with the times, or undefined. The rules are client-go's, so that both can share a Lease. */
export function timingProblem(timing: LeaseTiming): string | undefined {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = timing;
  if (leaseDurationMs < 1_000) return `lease duration ${leaseDurationMs} ms: at least 1000 is needed`;
  if (retryPeriodMs <= 0) return `retry period ${retryPeriodMs} ms: must be more than 0`;
  if (renewDeadlineMs >= leaseDurationMs) {
    return `renew deadline ${renewDeadlineMs} ms: must be less than the lease duration (${leaseDurationMs} ms)`;
  }
  if (renewDeadlineMs <= retryPeriodMs) {
    return `renew deadline ${renewDeadlineMs} ms: must be more than the retry period (${retryPeriodMs} ms)`;
  }
  return undefined;
}
