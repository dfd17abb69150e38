// SPDX-License-Identifier: Apache-2.0
import { type Clock, ManualClock, type Timer } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logging.ts';
import { ApiError, type CallOptions, type KubeClient } from '../client.ts';
import { ObjectStore } from '../object-store.ts';
import type { Lease } from '../objects.ts';
import type { Change, Reflector } from '../reflector.ts';
import { LEASES } from '../resources.ts';
import { ServerHealth } from '../server-health.ts';
import { createLeaseElector } from './create-elector.ts';
import type { LeaseElector } from './elector.ts';
import type { LeaseTiming } from './timing.ts';

/* For tests: contenders for one Lease on hosts with bad clocks, a bad network and freezes, in simulated time. */

/** Pseudo-random numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A host's clock: runs at its own rate, and holds back what comes due while the host is frozen. */
class HostClock implements Clock {
  readonly #base: ManualClock;
  readonly #rate: number;
  readonly #offsetMs: number;
  #frozen = false;
  readonly #held = new Set<() => void>();

  constructor(base: ManualClock, rate: number, offsetMs: number) {
    this.#base = base;
    this.#rate = rate;
    this.#offsetMs = offsetMs;
  }

  monotonicMs(): number {
    return this.#base.monotonicMs() * this.#rate + this.#offsetMs;
  }

  /** Far off, differently on each host: nothing may depend on it. */
  wallMs(): number {
    return 1.7e12 + this.#offsetMs * 1000 + this.#base.monotonicMs();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const run = this.guard(callback);
    const timer = this.#base.setTimer(run, Math.max(delayMs, 0) / this.#rate);
    return {
      cancel: () => {
        timer.cancel();
        this.#held.delete(run);
      },
    };
  }

  /** The same callback, held back while the host is frozen. */
  guard(callback: () => void): () => void {
    const run = () => {
      if (this.#frozen) this.#held.add(run);
      else callback();
    };
    return run;
  }

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    const held = [...this.#held];
    this.#held.clear();
    for (const run of held) run();
  }
}

/** How the network between a host and the server behaves at the moment. */
export interface Network {
  /** One way, each message takes between 0 and this long. */
  maxDelayMs: number;
  /** Share of messages that never arrive, each way. */
  loss: number;
}

/** The server: one Lease, compare-and-swap, and who watches it. */
class LeaseServer {
  #lease: Lease | undefined;
  #version = 0;
  #uid = 0;
  writes = 0;
  readonly watchers = new Set<(lease: Lease | undefined) => void>();

  get lease(): Lease | undefined {
    return this.#lease;
  }

  read(): Lease {
    if (this.#lease === undefined) throw new ApiError(404, 'NotFound', 'no such Lease');
    return this.#lease;
  }

  create(lease: Lease): Lease {
    if (this.#lease !== undefined) throw new ApiError(409, 'AlreadyExists', 'it exists');
    this.#uid += 1;
    return this.#store(lease);
  }

  replace(lease: Lease): Lease {
    if (this.read().metadata?.resourceVersion !== lease.metadata?.resourceVersion) {
      throw new ApiError(409, 'Conflict', 'it has changed');
    }
    return this.#store(lease);
  }

  /** As with `kubectl delete`. */
  delete(): void {
    this.#lease = undefined;
    this.#version += 1;
    for (const watcher of this.watchers) watcher(undefined);
  }

  /** As with `kubectl edit`. */
  eraseHolder(): void {
    if (this.#lease !== undefined)
      this.#store({ ...this.#lease, spec: { ...this.#lease.spec, holderIdentity: '' } });
  }

  #store(lease: Lease): Lease {
    this.#version += 1;
    this.writes += 1;
    const metadata = { ...lease.metadata, uid: `u${this.#uid}`, resourceVersion: String(this.#version) };
    this.#lease = structuredClone({ ...lease, metadata });
    for (const watcher of this.watchers) watcher(this.#lease);
    return this.#lease;
  }
}

/** A contender on its host. */
export interface SimulatedHost {
  readonly name: string;
  readonly elector: LeaseElector;
  readonly network: Network;
  freeze(): void;
  thaw(): void;
  readonly frozen: boolean;
  /** Ends the process without a word. */
  kill(): void;
}

/** What {@link simulate} needs. */
export interface SimulationOptions {
  readonly hosts: number;
  readonly timing: LeaseTiming;
  readonly seed: number;
  /** Hosts watch the Lease instead of polling. */
  readonly watch: boolean;
  /** Largest deviation of a host's clock rate, e.g. 0.01. */
  readonly drift: number;
}

/** A running simulation. */
export interface Simulation {
  readonly clock: ManualClock;
  readonly server: LeaseServer;
  readonly hosts: readonly SimulatedHost[];
  /** Names of all who believe, by their own clocks, to hold now; frozen ones count while their clock says so. */
  holders(): string[];
  /** Lets time pass and calls `check` after every step in which anything happens. */
  run(forMs: number, check: () => void): Promise<void>;
}

/** Starts contenders; everything that follows is determined by the seed. */
export function simulate(options: SimulationOptions): Simulation {
  const random = seeded(options.seed);
  const clock = new ManualClock(0);
  const server = new LeaseServer();
  const hosts = Array.from({ length: options.hosts }, (_, index) => {
    const name = `host${index}`;
    const rate = 1 + (random() * 2 - 1) * options.drift;
    return startHost(name, new HostClock(clock, rate, random() * 1e6), clock, server, random, options);
  });
  return {
    clock,
    server,
    hosts,
    holders: () => hosts.filter((host) => host.elector.isHolder()).map((host) => host.name),
    async run(forMs, check) {
      const endMs = clock.monotonicMs() + forMs;
      while (clock.monotonicMs() < endMs) {
        const nextMs = Math.min(clock.nextTimerMs() ?? endMs, endMs);
        await clock.advanceAsync(Math.max(nextMs - clock.monotonicMs(), 0.01));
        check();
      }
    },
  };
}

function startHost(
  name: string,
  hostClock: HostClock,
  clock: ManualClock,
  server: LeaseServer,
  random: () => number,
  options: SimulationOptions,
): SimulatedHost {
  const network: Network = { maxDelayMs: 5, loss: 0 };
  let alive = true;
  let frozen = false;
  /** Delivers after the network's delay, or never. */
  const send = (deliver: () => void) => {
    if (random() >= network.loss) clock.setTimer(deliver, random() * network.maxDelayMs);
  };
  const toHost = (deliver: () => void) => send(hostClock.guard(() => alive && deliver()));
  const call = (call_: CallOptions | undefined, act: () => Lease) =>
    new Promise<Lease>((resolve, reject) => {
      const signal = call_?.signal;
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      send(() => {
        let settle: () => void;
        try {
          const lease = act();
          settle = () => resolve(lease);
        } catch (error) {
          settle = () => reject(error);
        }
        toHost(settle);
      });
    });
  const client = {
    server: 'simulated',
    health: new ServerHealth(),
    get: (_resource: unknown, _ref: unknown, call_?: CallOptions) => call(call_, () => server.read()),
    create: (_resource: unknown, lease: Lease, call_?: CallOptions) =>
      call(call_, () => server.create(lease)),
    replace: (_resource: unknown, lease: Lease, call_?: CallOptions) =>
      call(call_, () => server.replace(lease)),
  } as unknown as KubeClient;
  const elector = createLeaseElector({
    client,
    namespace: 'n',
    name: 'lease',
    identity: name,
    timing: options.timing,
    logger: silentLogger,
    clock: hostClock,
    random,
    ...(options.watch && { source: watchLease(server, clock, toHost) }),
    acquireDelayMs: () => random() * 50,
    onAcquired: () => {},
    onRenewed: () => {},
    onLost: () => {},
  });
  elector.start();
  return {
    name,
    elector,
    network,
    get frozen() {
      return frozen;
    },
    freeze() {
      frozen = true;
      hostClock.freeze();
    },
    thaw() {
      frozen = false;
      hostClock.thaw();
    },
    kill() {
      alive = false;
      hostClock.freeze();
    },
  };
}

/** A reflector whose news are late, and later still when the network loses them, but come in order and in the end. */
function watchLease(
  server: LeaseServer,
  clock: ManualClock,
  toHost: (deliver: () => void) => void,
): Reflector<Lease> {
  const store = new ObjectStore<Lease>();
  const listeners = new Set<(change: Change<Lease>) => void>();
  let sent = 0;
  let delivered = 0;
  const relist = () => {
    const lease = server.lease;
    sent += 1;
    const number = sent;
    toHost(() => {
      if (number < delivered) return;
      delivered = number;
      for (const change of store.replaceAll(lease === undefined ? [] : [lease])) {
        for (const listener of [...listeners]) listener(change);
      }
    });
    // What a reflector does about a connection that died.
    clock.setTimer(() => {
      if (delivered < number) relist();
    }, 1_000);
  };
  server.watchers.add(relist);
  return {
    resource: LEASES,
    store,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start: () => {},
    stop: async () => {},
    synced: async () => {},
    isSynced: true,
    freshnessMs: () => 0,
    stats: () => ({ lists: 0, watches: 0, failures: 0, stalls: 0 }),
  };
}
