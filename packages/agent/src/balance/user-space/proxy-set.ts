// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import { HttpListening } from './http-listening.ts';
import { type ProxyListener, samePlace } from './listener.ts';
import type { ListenerProblem, ListenerStats } from './plane.ts';
import type { ProxyListening } from './proxy-listening.ts';
import { TcpListening } from './tcp-listening.ts';
import { UdpListening } from './udp-listening.ts';

/** What runs over a listener that was taken away may go on for so long: its address is probably elsewhere by now. */
const DRAIN_MS = 30_000;

interface Running {
  readonly listener: ProxyListener;
  readonly listening: ProxyListening;
}

/** All listeners of the plane, wherever it runs. Calls must not overlap. */
export class ProxySet {
  readonly #clock: Clock;
  /** By id. */
  readonly #running = new Map<string, Running>();
  /** Those that were taken away while something runs over them. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes it so. Resolves to the listeners that cannot be; they are tried again with the next call. */
  async apply(listeners: readonly ProxyListener[]): Promise<readonly ListenerProblem[]> {
    const wanted = new Map(listeners.map((listener) => [listener.id, listener]));
    for (const [id, running] of this.#running) {
      const listener = wanted.get(id);
      if (listener === undefined || !samePlace(listener, running.listener)) this.#takeAway(id, running);
    }
    const problems = await Promise.all(listeners.map((listener) => this.#bring(listener)));
    return problems.filter((problem) => problem !== undefined);
  }

  /** By id. */
  stats(): ReadonlyMap<string, ListenerStats> {
    return new Map([...this.#running].map(([id, { listening }]) => [id, listening.stats()]));
  }

  /** Accepts nothing any more; resolves when nothing runs any more, at the latest after `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    const running = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(running.map(({ listening }) => listening.stop(drainMs)));
  }

  async #bring(listener: ProxyListener): Promise<ListenerProblem | undefined> {
    const { id } = listener;
    const known = this.#running.get(id);
    if (known !== undefined) {
      this.#running.set(id, { listener, listening: known.listening });
      known.listening.update(listener);
      return undefined;
    }
    const listening = createListening(listener, this.#clock);
    try {
      await listening.start();
    } catch (error) {
      await listening.stop(0);
      return { id, problem: error instanceof Error ? error.message : String(error) };
    }
    this.#running.set(id, { listener, listening });
    return undefined;
  }

  #takeAway(id: string, { listening }: Running): void {
    this.#running.delete(id);
    const end = listening.stop(DRAIN_MS).finally(() => this.#leaving.delete(end));
    this.#leaving.add(end);
  }
}

function createListening(listener: ProxyListener, clock: Clock): ProxyListening {
  switch (listener.mode) {
    case 'tcp':
      return new TcpListening(listener, clock);
    case 'udp':
      return new UdpListening(listener, clock);
    case 'http':
      return new HttpListening(listener, clock);
  }
}
