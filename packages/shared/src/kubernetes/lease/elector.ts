// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino';
import type { Clock } from '../../runtime/clock.ts';
import type { KubeClient } from '../client.ts';
import type { Lease } from '../objects.ts';
import type { Reflector } from '../reflector.ts';
import type { LeaseTiming } from './timing.ts';

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

/** What `createLeaseElector` needs. The callbacks must not throw. */
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
