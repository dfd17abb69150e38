// SPDX-License-Identifier: Apache-2.0
/** Observers as tests use them: started on a host of the lab, stopped for their record. */
import { fileURLToPath } from 'node:url';
import { inHost } from '../network/apply.ts';
import type { LabNetwork } from '../network/lab-network.ts';
import { CLIENT, HOST_INTERFACE } from '../network/plan.ts';
import type { LabProcess } from '../process/lab-process.ts';
import { canonical } from './frames.ts';
import { type NeighborClaim, type NeighborEvent, parseNeighborEvent } from './neighbor-events.ts';
import { judgeOwnership, type OwnershipQuestion, type OwnershipVerdict } from './ownership-judge.ts';
import { parseTcpEvent, type TcpSample } from './tcp-events.ts';

const programAt = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Options of {@link NeighborObserver.start}. */
export interface NeighborObserverOptions {
  readonly addresses?: readonly string[];
  /** Host it runs on. Default the client. */
  readonly host?: string;
  /** Default 40. */
  readonly intervalMs?: number;
}

/** Asks for addresses from another host and records who claims them. */
export class NeighborObserver {
  readonly #process: LabProcess;
  readonly #events: NeighborEvent[] = [];
  readonly #listeners = new Set<(event: NeighborEvent) => void>();

  private constructor(process: LabProcess) {
    this.#process = process;
    process.onLine((line) => {
      const event = parseNeighborEvent(line);
      this.#events.push(event);
      for (const listener of this.#listeners) listener(event);
    });
  }

  /** Starts it; resolves when it is asking. */
  static async start(network: LabNetwork, options: NeighborObserverOptions = {}): Promise<NeighborObserver> {
    const { observer } = network.plan;
    const argv = [
      process.execPath,
      programAt('neighbor-main.ts'),
      ...['--interface', HOST_INTERFACE, '--station-mac', observer.mac],
      ...['--station-ipv4', observer.ipv4, '--station-ipv6', observer.ipv6],
      ...['--interval-ms', String(options.intervalMs ?? 40)],
      ...(options.addresses ?? []).flatMap((address) => ['--address', address]),
    ];
    const started = network.spawn(options.host ?? CLIENT, argv);
    const result = new NeighborObserver(started);
    await started.waitForLine((line) => line.includes('"started"'));
    return result;
  }

  /** Everything recorded so far. */
  get events(): readonly NeighborEvent[] {
    return this.#events;
  }

  /** Asks for one more address from now on. */
  watch(address: string): void {
    this.#process.write(`add ${address}\n`);
  }

  /** Asks no more for an address. */
  unwatch(address: string): void {
    this.#process.write(`remove ${address}\n`);
  }

  /** MAC of the last answer for an address; undefined before the first. */
  ownerOf(address: string): string | undefined {
    const name = canonical(address);
    for (let index = this.#events.length - 1; index >= 0; index -= 1) {
      const event = this.#events[index];
      if (event?.kind === 'answer' && event.address === name) return event.mac;
    }
    return undefined;
  }

  /** The next claim (not one already recorded) that matches; rejects at the time limit. */
  async waitForClaim(matches: (claim: NeighborClaim) => boolean, timeoutMs = 10_000): Promise<NeighborClaim> {
    const { promise, resolve, reject } = Promise.withResolvers<NeighborClaim>();
    const listener = (event: NeighborEvent) => {
      if ('mac' in event && matches(event)) resolve(event);
    };
    this.#listeners.add(listener);
    const timer = setTimeout(
      () => reject(new Error(`no matching claim seen within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    }
  }

  /** The verdict on an address so far. */
  judge(question: OwnershipQuestion): OwnershipVerdict {
    return judgeOwnership(this.#events, { ...question, address: canonical(question.address) });
  }

  /** Ends it; everything it recorded. */
  async stop(): Promise<readonly NeighborEvent[]> {
    await this.#process.stop();
    if (this.#events.at(-1)?.kind !== 'summary') {
      throw new Error(`the neighbour observer ended without a summary:\n${this.#process.stderr.join('\n')}`);
    }
    return this.#events;
  }
}

/** Options of {@link TcpProber.start}. */
export interface TcpProberOptions {
  /** `address:port` or `[address]:port`. */
  readonly target: string;
  readonly path?: string;
  /** Over TLS, whoever has signed the certificate. */
  readonly tls?: boolean;
  readonly host?: string;
  /** A new connection that often. Default 20. */
  readonly intervalMs?: number;
  /** Default 1,000. */
  readonly timeoutMs?: number;
  /** Instead of the interval: so many connections, then it ends. */
  readonly count?: number;
  /** With `count`: how many at a time. Default 1. */
  readonly concurrency?: number;
  /** Before each connection the host forgets whose MAC the address has, as if it had never talked to it. */
  readonly cold?: boolean;
  /** Another network namespace to run in, which ends with the host, e.g. `client-second`. */
  readonly namespace?: string;
}

/** Opens new connections from a host and records what became of each. */
export class TcpProber {
  readonly #process: LabProcess;
  readonly #samples: TcpSample[] = [];

  private constructor(process: LabProcess) {
    this.#process = process;
    process.onLine((line) => {
      const event = parseTcpEvent(line);
      if (event.kind === 'sample') this.#samples.push(event);
    });
  }

  /** Starts it; resolves when the first connection is under way. */
  static async start(network: LabNetwork, options: TcpProberOptions): Promise<TcpProber> {
    const flag = (name: string, value: string | number | undefined) =>
      value === undefined ? [] : [`--${name}`, String(value)];
    const argv = [
      process.execPath,
      programAt('tcp-main.ts'),
      ...flag('target', options.target),
      ...flag('path', options.path),
      ...(options.tls === true ? ['--tls'] : []),
      ...flag('interval-ms', options.intervalMs),
      ...flag('timeout-ms', options.timeoutMs),
      ...flag('count', options.count),
      ...flag('concurrency', options.concurrency),
      ...flag('cold', options.cold ? HOST_INTERFACE : undefined),
    ];
    const { namespace } = options;
    const inside = namespace === undefined ? argv : inHost(namespace, argv);
    const started = network.spawn(options.host ?? CLIENT, inside);
    const result = new TcpProber(started);
    await started.waitForLine((line) => line.includes('"started"'));
    return result;
  }

  /** Finished attempts so far, in the order of their ends. */
  get samples(): readonly TcpSample[] {
    return this.#samples;
  }

  /** With `count`: waits for the end of the last attempt. */
  async finished(): Promise<readonly TcpSample[]> {
    const exit = await this.#process.exited;
    if (exit.code !== 0) throw new Error(`the TCP prober failed:\n${this.#process.stderr.join('\n')}`);
    return this.#samples;
  }

  /** Ends it after the attempts under way; everything it recorded. */
  async stop(): Promise<readonly TcpSample[]> {
    this.#process.kill('SIGTERM');
    return await this.finished();
  }
}
