// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { createLeaseElector } from '@fairlead/shared/kubernetes/lease/create-elector.ts';
import type { LeaseElector } from '@fairlead/shared/kubernetes/lease/elector.ts';
import type { LeaseTiming } from '@fairlead/shared/kubernetes/lease/timing.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';

/** The Lease that instances of the program contend for. */
export interface LeadershipOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly leaseName: string;
  /** Unique among all instances. */
  readonly identity: string;
  readonly timing: LeaseTiming;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Works until the signal is aborted; then resolves when nothing is under way any more. */
  readonly work: (term: LeaderTerm) => Promise<void>;
}

/** One period of leadership as the work sees it. */
export interface LeaderTerm {
  /** Aborted when leadership is lost. */
  readonly signal: AbortSignal;
  /** Whether leadership is certain at this moment: ask before each act that only the leader may do. */
  readonly mayWrite: () => boolean;
  /** Monotonic time at which it began. */
  readonly startedMs: number;
}

/** Runs work while, and only while, this instance is leader. Losing the Lease makes it a candidate again. */
export interface Leadership {
  start(): void;
  /** Resolves when the Lease is ours or known to be somebody else's. */
  readonly settled: Promise<void>;
  isLeader(): boolean;
  /** Ends the work, waits for it, then gives the Lease back, so that another takes over at once. */
  stop(): Promise<void>;
}

/** Leadership by Lease. */
export function leadByLease(options: LeadershipOptions): Leadership {
  const { clock, logger } = options;
  const settled = Promise.withResolvers<void>();
  const terms = new Terms(options.work, logger);
  const elector: LeaseElector = createLeaseElector({
    client: options.client,
    namespace: options.namespace,
    name: options.leaseName,
    identity: options.identity,
    timing: options.timing,
    logger,
    clock,
    onAcquired: () => {
      logger.info({ lease: options.leaseName, identity: options.identity }, 'leading');
      const mayWrite = () => clock.monotonicMs() < elector.holdUntilMs();
      terms.begin(mayWrite, clock.monotonicMs());
      settled.resolve();
    },
    onRenewed: () => {},
    onLost: (reason) => {
      logger.warn({ lease: options.leaseName, reason }, 'not leading any more');
      terms.end(reason);
    },
    onHolder: (holder, expired) => {
      if (holder === '' || holder === options.identity || expired) return;
      logger.info({ lease: options.leaseName, holder }, 'standing by');
      settled.resolve();
    },
  });
  return {
    start: () => elector.start(),
    settled: settled.promise,
    isLeader: () => elector.isHolder(),
    stop: async () => {
      terms.end('stopping');
      await terms.idle();
      await elector.stop({ release: true });
    },
  };
}

/** Leadership without election (`--leader-elect=false`): always, for a single instance. */
export function leadAlone({
  work,
  logger,
  clock,
}: Pick<LeadershipOptions, 'work' | 'logger' | 'clock'>): Leadership {
  const terms = new Terms(work, logger);
  let leading = false;
  return {
    start: () => {
      leading = true;
      terms.begin(() => leading, clock.monotonicMs());
    },
    settled: Promise.resolve(),
    isLeader: () => leading,
    stop: async () => {
      terms.end('stopping');
      await terms.idle();
      leading = false;
    },
  };
}

/** One term after the other, never two at once. */
class Terms {
  readonly #work: LeadershipOptions['work'];
  readonly #logger: Logger;
  #controller: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(work: LeadershipOptions['work'], logger: Logger) {
    this.#work = work;
    this.#logger = logger;
  }

  begin(mayWrite: () => boolean, startedMs: number): void {
    this.end('a new term begins');
    const controller = new AbortController();
    this.#controller = controller;
    const { signal } = controller;
    this.#running = this.#running
      .then(() => (signal.aborted ? undefined : this.#work({ signal, mayWrite, startedMs })))
      .catch((error: unknown) => {
        if (!signal.aborted) this.#logger.error({ err: error }, 'the work of the leader failed');
      });
  }

  end(reason: string): void {
    this.#controller?.abort(new Error(reason));
    this.#controller = undefined;
  }

  idle(): Promise<void> {
    return this.#running;
  }
}
