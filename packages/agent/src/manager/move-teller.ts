// SPDX-License-Identifier: Apache-2.0
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { AddressKeeper } from '../announce/address-keeper.ts';
import type { OwnershipEngine } from '../ownership/engine.ts';
import { AGENT_REASON } from '../services/problem.ts';
import type { EngineView } from '../status/engine-view.ts';
import { EventPacer } from '../status/event-pacer.ts';
import { type Failover, FailoverLog, type Takeover } from '../status/failover-log.ts';
import { moveText } from '../status/move-text.ts';
import type { NodeReference } from '../status/node-reference.ts';

/** What {@link MoveTeller} needs. */
export interface MoveTellerOptions {
  readonly node: string;
  readonly engine: OwnershipEngine;
  readonly view: EngineView;
  readonly keeper: AddressKeeper;
  /** Absent: there is nobody to tell, as outside a cluster. */
  readonly events?: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** An address came to this node. */
  readonly onTakeover: (takeover: Takeover) => void;
  /** As coordinator: a lost owner was found, so long after its last word. */
  readonly onDetection: (silentMs: number) => void;
}

/** Addresses that are wanted together. */
export interface MovedService {
  readonly addresses: readonly string[];
  /** What Events are about. */
  readonly object?: Service | NodeReference;
}

/** What one pass ended with. */
export interface MovedBy {
  readonly services: readonly MovedService[];
  /** Granted address -> when the grant was first seen. */
  readonly granted: ReadonlyMap<string, number>;
}

/** While something is under way it is looked at this often; passes come more rarely. */
const LOOK_AGAIN_MS = 250;
/** Addresses named in one line of the log. */
const NAMED = 20;

/**
 * Tells what moved: one Event on each Service whose addresses came to this node, by this node alone, with the reason and
 * what the time was made of; one when an address left and nobody took it. A line in the log, metrics, and the last ones
 * for `agent status`.
 */
export class MoveTeller {
  readonly #options: MoveTellerOptions;
  readonly #log: FailoverLog;
  readonly #pacer: EventPacer;
  readonly #unsubscribe: () => void;
  #services: readonly MovedService[] = [];
  #granted: ReadonlyMap<string, number> = new Map();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: MoveTellerOptions) {
    this.#options = options;
    this.#log = new FailoverLog(options.node);
    this.#pacer = new EventPacer(options.clock);
    this.#unsubscribe = options.view.onRaftEvent((event, atMs) => {
      this.#log.note(event, atMs);
      this.#lookLater();
    });
  }

  /** The last failovers, oldest first. */
  get recent(): readonly Failover[] {
    return this.#log.recent;
  }

  /** Looks at what a pass has done. */
  tell({ services, granted }: MovedBy): void {
    this.#services = services;
    this.#granted = new Map(granted);
    this.#look();
  }

  /** Tells what is still to be told; call it before the recorder is flushed. */
  stop(): void {
    this.#isStopped = true;
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#tell(this.#log.take(Number.POSITIVE_INFINITY));
    const untold = this.#pacer.stop();
    if (untold > 0) this.#options.logger.warn({ untold }, 'Events about moved addresses were left out');
  }

  #look(): void {
    const { engine, view, keeper, clock, onDetection } = this.#options;
    const nowMs = clock.monotonicMs();
    const { owners, lostNodes } = engine.state();
    const known = new Set(this.#services.flatMap(({ addresses }) => addresses));
    this.#log.look({
      nowMs,
      owners,
      lostNodes,
      granted: this.#granted,
      held: keeper.held(),
      counters: keeper.stats().addresses,
      raft: view.raft(),
    });
    this.#log.retain((address) => known.has(address));
    this.#tell(this.#log.take(nowMs));
    this.#tellAbandoned(this.#log.takeAbandoned(nowMs));
    for (const { silentMs } of this.#log.takeDetections()) onDetection(silentMs);
    if (this.#log.isWaiting) this.#lookLater();
  }

  #lookLater(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    this.#timer = this.#options.clock.setTimer(() => {
      this.#timer = undefined;
      this.#look();
    }, LOOK_AGAIN_MS);
  }

  #tell(takeovers: readonly Takeover[]): void {
    if (takeovers.length === 0) return;
    const { node, logger, onTakeover } = this.#options;
    for (const takeover of takeovers) onTakeover(takeover);
    const byAddress = new Map(takeovers.map((takeover) => [takeover.address, takeover]));
    for (const together of byStory(takeovers)) {
      const { from, reason, phases } = together[0] ?? {};
      const addresses = together.slice(0, NAMED).map(({ address }) => address);
      logger.info({ count: together.length, addresses, from, reason, phases }, 'node answers for addresses');
    }
    for (const { addresses, object } of this.#services) {
      const own = addresses.flatMap((address) => byAddress.get(address) ?? []);
      // Addresses of one Service move together; where they came from different nodes, each has its own story.
      for (const together of byStory(own)) {
        this.#event(object, AGENT_REASON.addressHeld, moveText(node, together));
      }
    }
  }

  #tellAbandoned(abandoned: readonly string[]): void {
    if (abandoned.length === 0) return;
    const { node, logger } = this.#options;
    logger.warn(
      { count: abandoned.length, addresses: abandoned.slice(0, NAMED) },
      'nobody answers for addresses',
    );
    const left = new Set(abandoned);
    for (const { addresses, object } of this.#services) {
      const own = addresses.filter((address) => left.has(address));
      if (own.length === 0) continue;
      const message = `nobody answers for ${own.join(' and ')} any more (before: ${node})`;
      this.#event(object, AGENT_REASON.addressDropped, message);
    }
  }

  #event(object: MovedService['object'], reason: string, message: string): void {
    const { events, logger } = this.#options;
    if (events === undefined || object === undefined) return;
    if (this.#pacer.add(() => events.event(object, 'Normal', reason, message))) return;
    const dropped = this.#pacer.takeDropped();
    if (dropped > 0) logger.warn({ dropped }, 'too many addresses move for an Event each');
  }
}

function byStory(takeovers: readonly Takeover[]): Iterable<readonly Takeover[]> {
  return Map.groupBy(takeovers, ({ from, reason }) => `${reason} ${from ?? ''}`).values();
}
