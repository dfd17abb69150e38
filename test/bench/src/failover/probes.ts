// SPDX-License-Identifier: Apache-2.0
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { hostByMac } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver, TcpProber } from '@fairlead/test-lab/observer/observers.ts';
import { COLD_CLIENT } from './cold-client.ts';
import type { RoundRecord } from './gaps.ts';

const ARP_INTERVAL_MS = 5;
const TCP_INTERVAL_MS = 20;
/** How many good answers in a row say that an address serves: half a second of ARP, a quarter of TCP. */
const STEADY = { arp: 100, tcp: 12 } as const;
const POLL_MS = 10;

/** The client's view of one address during one round: ARP every 5 ms, two new connections every 20 ms. */
export class ClientProbes {
  readonly #lab: Lab;
  readonly #address: string;
  readonly #observer: NeighborObserver;
  readonly #warm: TcpProber;
  readonly #cold: TcpProber;

  private constructor(lab: Lab, address: string, probes: readonly [NeighborObserver, TcpProber, TcpProber]) {
    this.#lab = lab;
    this.#address = address;
    [this.#observer, this.#warm, this.#cold] = probes;
  }

  /** Starts all three; they need a moment until they are steady, see {@link serving}. */
  static async start(lab: Lab, address: string): Promise<ClientProbes> {
    const tcp = { target: `${address}:80`, intervalMs: TCP_INTERVAL_MS };
    const probes = await Promise.all([
      lab.observeNeighbors({ addresses: [address], intervalMs: ARP_INTERVAL_MS }),
      lab.probeTcp(tcp),
      lab.probeTcp({ ...tcp, cold: true, namespace: COLD_CLIENT }),
    ]);
    return new ClientProbes(lab, address, probes);
  }

  /** Host that answered last. */
  get owner(): string | undefined {
    return hostByMac(this.#lab.plan, this.#observer.ownerOf(this.#address) ?? '')?.name;
  }

  /**
   * Waits until since `sinceMs` one host alone has answered, steadily, and both kinds of connections succeed, the newest
   * ones included; that host.
   */
  async serving(sinceMs: number, timeoutMs: number): Promise<string> {
    return await this.#lab.waitFor(() => this.#steadyOwner(sinceMs), {
      what: `${this.#address} to be served`,
      timeoutMs,
      intervalMs: POLL_MS,
    });
  }

  /** Ends them; what they saw. */
  async stop(): Promise<RoundRecord> {
    const [neighbor, warm, cold] = await Promise.all([
      this.#observer.stop(),
      this.#warm.stop(),
      this.#cold.stop(),
    ]);
    return { address: this.#address, neighbor, warm, cold };
  }

  #steadyOwner(sinceMs: number): string | undefined {
    const macs: string[] = [];
    let firstMs = Number.POSITIVE_INFINITY;
    const { events } = this.#observer;
    for (let index = events.length - 1; index >= 0 && macs.length < STEADY.arp; index -= 1) {
      const event = events[index];
      if (event === undefined || event.atMs < sinceMs) break;
      if (event.kind !== 'answer' || event.address !== this.#address) continue;
      macs.push(event.mac);
      firstMs = event.atMs;
    }
    const [mac] = macs;
    if (mac === undefined || macs.length < STEADY.arp || macs.some((other) => other !== mac))
      return undefined;
    const isServing = [this.#warm, this.#cold].every(({ samples }) => {
      const newest = samples.slice(-STEADY.tcp);
      return newest.length === STEADY.tcp && newest.every(({ ok, startMs }) => ok && startMs >= firstMs);
    });
    return isServing ? hostByMac(this.#lab.plan, mac)?.name : undefined;
  }
}

/** A pause of random length, so that disturbances do not keep step with anybody's timer. */
export async function anyMoment(random: () => number, upToMs: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, random() * upToMs));
  return monotonicMs();
}
