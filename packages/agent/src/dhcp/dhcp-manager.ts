// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { DhcpAddresses, DhcpLease, DhcpProblem, DhcpRequest, DhcpWish } from './dhcp-addresses.ts';
import { type ClientDeed, DhcpClient } from './dhcp-client.ts';
import type { EarlierLease } from './lease-machine.ts';
import { DEFAULT_LEASE_TIMING, type LeaseTiming } from './lease-timing.ts';
import { LinkStation, type Station } from './station.ts';
import { DHCP4 } from './v4/dialect.ts';
import { DHCP6 } from './v6/dialect.ts';

/** What {@link createDhcpAddresses} needs. */
export interface DhcpOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Unanswered messages after which the user is told. Default 3. */
  readonly attempts?: number;
  readonly timing?: LeaseTiming;
  /** 0 <= x < 1, for pauses and transaction ids. */
  readonly random?: () => number;
  readonly openStation?: (link: string) => Station;
}

/** Looks for answers this often shortly after something was sent, and later. A packet socket wakes nobody in this thread. */
const QUICK_POLL_MS = 10;
const SLOW_POLL_MS = 100;
/** How long answers are looked for quickly. */
const QUICK_MS = 2_000;
/** A link that gave trouble is tried again after this. */
const RETRY_MS = 1_000;
const DEFAULT_ATTEMPTS = 3;
/** Two nodes' clocks agree only so far. */
const CLOCK_MARGIN_MS = 1_000;

/** DHCP clients on packet sockets. Nothing is open and no timer runs fast while all leases are at rest. */
export function createDhcpAddresses(options: DhcpOptions): DhcpAddresses {
  return new DhcpManager(options);
}

class DhcpManager implements DhcpAddresses {
  readonly #options: DhcpOptions;
  readonly #settings;
  readonly #clients = new Map<string, DhcpClient>();
  readonly #stations = new Map<string, Station>();
  /** Link -> what is wrong with it. */
  readonly #troubles = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  /** Key -> address that was asked for last: a wish that the server did not grant is not asked for over and over. */
  readonly #asked = new Map<string, string>();
  /** Until when answers are looked for quickly. */
  #quickUntilMs = 0;
  #timer: Timer | undefined;
  #told = JSON.stringify([[], []]);
  #isStopped = false;

  constructor(options: DhcpOptions) {
    this.#options = options;
    const { timing = DEFAULT_LEASE_TIMING, random = Math.random, attempts = DEFAULT_ATTEMPTS } = options;
    this.#settings = { timing, random, attempts: attempts > 0 ? attempts : DEFAULT_ATTEMPTS };
  }

  apply({ requests, owned }: DhcpWish): void {
    if (this.#isStopped) return;
    const wanted = new Map<string, DhcpRequest>();
    for (const request of requests) if (!wanted.has(request.key)) wanted.set(request.key, request);
    for (const [key, client] of this.#clients) this.#follow(client, wanted.get(key), owned.get(key));
    for (const [key, link] of owned) {
      const request = wanted.get(key);
      if (request !== undefined && !this.#clients.has(key))
        this.#start(request, link, this.#earlier(request));
    }
    this.#settle();
  }

  leases(): ReadonlyMap<string, DhcpLease> {
    const nowMs = this.#options.clock.monotonicMs();
    return collect(this.#clients, (client) => client.lease(nowMs));
  }

  leaseOf(key: string): DhcpLease | undefined {
    return this.#clients.get(key)?.lease(this.#options.clock.monotonicMs());
  }

  problems(): ReadonlyMap<string, DhcpProblem> {
    const nowMs = this.#options.clock.monotonicMs();
    return collect(this.#clients, (client) => {
      const trouble = client.isListening ? this.#troubles.get(client.link) : undefined;
      if (trouble === undefined) return client.problem(nowMs);
      const kind = client.lease(nowMs) === undefined ? 'noLease' : 'notRenewed';
      return { kind, message: `DHCP cannot be spoken on link ${client.link}: ${trouble}` };
    });
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const client of this.#clients.values()) client.stop();
    this.#clients.clear();
    for (const station of this.#stations.values()) station.close();
    this.#stations.clear();
    return Promise.resolve();
  }

  /** Brings a client in line with what is wanted of it now. */
  #follow(client: DhcpClient, request: DhcpRequest | undefined, link: string | undefined): void {
    const nowMs = this.#options.clock.monotonicMs();
    const { key } = client.request;
    if (request === undefined || this.#asksForAnother(client, request, nowMs)) {
      this.#log(client, 'gives an address back to its DHCP server');
      this.#clients.delete(key);
      this.#perform(client, client.release(nowMs));
      if (request === undefined) this.#asked.delete(key);
      else if (link !== undefined) this.#start(request, link, wishFor(request));
      return;
    }
    if (link === client.link && isSameClient(client.request, request)) {
      client.update(request);
      return;
    }
    const earlier = client.handOver(nowMs);
    client.stop();
    this.#clients.delete(key);
    if (link !== undefined) this.#start(request, link, earlier ?? this.#earlier(request));
  }

  /** Whether the user now asks for an address other than the one there is. Our own notes of that one are no such wish. */
  #asksForAnother(client: DhcpClient, { key, wanted }: DhcpRequest, nowMs: number): boolean {
    if (wanted === undefined || wanted === client.request.wanted || wanted === this.#asked.get(key))
      return false;
    return wanted !== client.lease(nowMs)?.address;
  }

  #start(request: DhcpRequest, link: string, earlier: EarlierLease | undefined): void {
    const client = new DhcpClient(request, link, this.#settings);
    this.#clients.set(request.key, client);
    if (request.wanted !== undefined) this.#asked.set(request.key, request.wanted);
    const { key, family, identity } = request;
    const { logger, clock } = this.#options;
    logger.info(
      { key, family, mac: identity.mac, link, address: earlier?.address },
      'asks for an address by DHCP',
    );
    this.#perform(client, client.start(clock.monotonicMs(), earlier));
  }

  /** What the Service says about its former lease, by this node's clocks. */
  #earlier(request: DhcpRequest): EarlierLease | undefined {
    const { noted, wanted } = request;
    if (noted === undefined) return wishFor(request);
    const { address, server, durationMs } = noted;
    const leftMs = noted.expiresWallMs - this.#options.clock.wallMs() - CLOCK_MARGIN_MS;
    // What runs goes on: that the user asks for another is seen by whoever holds the lease.
    return leftMs > 0 || wanted === undefined ? { address, server, durationMs, leftMs } : wishFor(request);
  }

  /** Does everything that is due, tells what changed, and plans the next look. */
  #settle(): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    this.#receive();
    const nowMs = this.#options.clock.monotonicMs();
    for (const client of this.#clients.values()) this.#perform(client, client.tick(nowMs));
    this.#tune();
    this.#tell();
    const { clock } = this.#options;
    const atMs = this.#nextAtMs(clock.monotonicMs());
    if (atMs < Number.POSITIVE_INFINITY) {
      this.#timer = clock.setTimer(() => this.#settle(), atMs - clock.monotonicMs());
    }
  }

  #nextAtMs(nowMs: number): number {
    let atMs = Number.POSITIVE_INFINITY;
    let isListening = false;
    for (const client of this.#clients.values()) {
      atMs = Math.min(atMs, client.nextAtMs);
      isListening ||= client.isListening;
    }
    if (!isListening) return atMs;
    const poll = nowMs < this.#quickUntilMs ? QUICK_POLL_MS : SLOW_POLL_MS;
    return Math.min(atMs, nowMs + (this.#stations.size > 0 ? poll : RETRY_MS));
  }

  #receive(): void {
    for (const [link, station] of this.#stations) {
      const nowMs = this.#options.clock.monotonicMs();
      const onLink = [...this.#clients.values()].filter(
        (client) => client.link === link && client.isListening,
      );
      this.#attempt(link, () =>
        station.receive({
          datagram: (frame) => {
            const dialect = frame.family === 4 ? DHCP4 : DHCP6;
            const addressee = dialect.addresseeOf(frame);
            const clients = onLink.filter(
              (client) => client.dialect === dialect && client.addressee === addressee,
            );
            for (const client of clients) this.#perform(client, client.hear(frame, nowMs));
          },
          claim: (claim) => {
            for (const client of onLink) this.#perform(client, client.hearClaim(claim, nowMs));
          },
        }),
      );
    }
  }

  #perform(client: DhcpClient, deeds: readonly ClientDeed[]): void {
    if (deeds.length === 0) return;
    const { family, identity } = client.request;
    this.#quickUntilMs = this.#options.clock.monotonicMs() + QUICK_MS;
    this.#attempt(client.link, () => {
      const station = this.#stationOf(client.link);
      if (client.isListening) station.listen(family, identity.mac);
      for (const deed of deeds) {
        if (deed.kind === 'send') station.send(deed.frame);
        else station.probe(deed.address, deed.mac);
      }
    });
  }

  /** Hardware addresses that somebody listens for, and no others; stations without any are closed. */
  #tune(): void {
    const listening = new Map<string, DhcpClient[]>();
    for (const client of this.#clients.values()) {
      if (client.isListening) listening.set(client.link, [...(listening.get(client.link) ?? []), client]);
    }
    for (const [link, clients] of listening) {
      this.#attempt(link, () => {
        const station = this.#stationOf(link);
        for (const { request } of clients) station.listen(request.family, request.identity.mac);
        station.retain(clients.map(({ request }) => ({ family: request.family, mac: request.identity.mac })));
      });
    }
    for (const [link, station] of this.#stations) {
      if (listening.has(link)) continue;
      station.close();
      this.#stations.delete(link);
    }
  }

  #stationOf(link: string): Station {
    const known = this.#stations.get(link);
    if (known !== undefined) return known;
    const { openStation = (name) => new LinkStation(name) } = this.#options;
    const station = openStation(link);
    this.#stations.set(link, station);
    return station;
  }

  /** Trouble with a link is told and costs its station; the clients' own pauses bring the next attempt. */
  #attempt(link: string, work: () => void): void {
    try {
      work();
      this.#troubles.delete(link);
    } catch (error) {
      const trouble = error instanceof Error ? error.message : String(error);
      if (this.#troubles.get(link) !== trouble)
        this.#options.logger.warn({ err: error, link }, 'DHCP cannot be spoken');
      this.#troubles.set(link, trouble);
      this.#stations.get(link)?.close();
      this.#stations.delete(link);
    }
  }

  #tell(): void {
    const leases = [...this.leases()].map(([key, { address, server, untilMs }]) => [
      key,
      address,
      server,
      untilMs,
    ]);
    const problems = [...this.problems()].map(([key, { message }]) => [key, message]);
    const state = JSON.stringify([leases, problems]);
    if (state === this.#told) return;
    this.#told = state;
    for (const listener of this.#listeners) listener();
  }

  #log(client: DhcpClient, what: string): void {
    const { key, identity } = client.request;
    this.#options.logger.info({ key, mac: identity.mac, link: client.link }, what);
  }
}

function isSameClient(a: DhcpRequest, b: DhcpRequest): boolean {
  return a.identity.mac === b.identity.mac && a.identity.hostName === b.identity.hostName;
}

/** An address that is only asked for. */
function wishFor({ wanted }: DhcpRequest): EarlierLease | undefined {
  return wanted === undefined ? undefined : { address: wanted, server: '', durationMs: 0, leftMs: 0 };
}

function collect<T>(
  clients: ReadonlyMap<string, DhcpClient>,
  read: (client: DhcpClient) => T | undefined,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const [key, client] of clients) {
    const value = read(client);
    if (value !== undefined) found.set(key, value);
  }
  return found;
}
