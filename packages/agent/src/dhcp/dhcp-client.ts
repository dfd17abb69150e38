// SPDX-License-Identifier: Apache-2.0
import type { Claim } from '../announce/neighbour-protocol.ts';
import type { DhcpLease, DhcpProblem, DhcpRequest } from './dhcp-addresses.ts';
import type { Dialect } from './dialect.ts';
import { type EarlierLease, type LeaseAction, LeaseMachine } from './lease-machine.ts';
import type { LeaseTiming } from './lease-timing.ts';
import type { UdpFrame } from './udp-frames.ts';
import { DHCP4 } from './v4/dialect.ts';
import { DHCP6 } from './v6/dialect.ts';

/** Something that a client wants on its link. */
export type ClientDeed =
  | { readonly kind: 'send'; readonly frame: UdpFrame }
  | { readonly kind: 'probe'; readonly address: string; readonly mac: string };

/** What clients have in common. */
export interface ClientSettings {
  readonly timing: LeaseTiming;
  readonly random: () => number;
  /** Unanswered messages after which the user is told. */
  readonly attempts: number;
}

/** One wish on one link: the state machine, in the words of its version of DHCP. No socket, no clock of its own. */
export class DhcpClient {
  readonly link: string;
  readonly dialect: Dialect;
  readonly #settings: ClientSettings;
  readonly #machine: LeaseMachine;
  #request: DhcpRequest;
  #serverMac: string | undefined;

  constructor(request: DhcpRequest, link: string, settings: ClientSettings) {
    this.link = link;
    this.dialect = request.family === 4 ? DHCP4 : DHCP6;
    this.#settings = settings;
    this.#request = request;
    const { timing, random } = settings;
    this.#machine = new LeaseMachine({ timing, random, newXidForRequest: this.dialect.newXidForRequest });
  }

  get request(): DhcpRequest {
    return this.#request;
  }

  get isListening(): boolean {
    return this.#machine.isListening;
  }

  get nextAtMs(): number {
    return this.#machine.nextAtMs;
  }

  /** By what messages name this client. */
  get addressee(): string {
    return this.dialect.addressee(this.#request.identity);
  }

  /** What the Service says now; nothing that would need another client. */
  update(request: DhcpRequest): void {
    this.#request = request;
  }

  start(nowMs: number, earlier: EarlierLease | undefined): readonly ClientDeed[] {
    return this.#deeds(this.#machine.start(nowMs, earlier));
  }

  tick(nowMs: number): readonly ClientDeed[] {
    return nowMs >= this.#machine.nextAtMs ? this.#deeds(this.#machine.tick(nowMs)) : [];
  }

  hear(frame: UdpFrame, nowMs: number): readonly ClientDeed[] {
    const message = this.dialect.read(this.#request, frame);
    if (message === undefined || !this.isListening) return [];
    this.#serverMac = frame.sourceMac;
    return this.#deeds(this.#machine.receive(message, nowMs));
  }

  /** An address that our own hardware address has is no conflict: that is who had it before us. */
  hearClaim({ address, mac }: Claim, nowMs: number): readonly ClientDeed[] {
    if (mac === this.#request.identity.mac) return [];
    return this.#deeds(this.#machine.conflict(address, mac, nowMs));
  }

  release(nowMs: number): readonly ClientDeed[] {
    return this.#deeds(this.#machine.release(nowMs));
  }

  stop(): void {
    this.#machine.stop();
  }

  lease(nowMs: number): DhcpLease | undefined {
    return this.#machine.lease(nowMs);
  }

  /** The lease in force as its successor, on this link or another, would begin with it. */
  handOver(nowMs: number): EarlierLease | undefined {
    const lease = this.#machine.lease(nowMs);
    return lease === undefined ? undefined : { ...lease, leftMs: lease.untilMs - nowMs };
  }

  problem(nowMs: number): DhcpProblem | undefined {
    const { refusal, unanswered } = this.#machine;
    const lease = this.#machine.lease(nowMs);
    const isSilent = unanswered >= this.#settings.attempts;
    if (lease !== undefined) {
      if (!isSilent) return undefined;
      const message = `no DHCP server renews the lease for ${lease.address} on link ${this.link}; without an answer the address is given up at its end`;
      return { kind: 'notRenewed', message };
    }
    if (refusal !== undefined)
      return { kind: 'noLease', message: `no address by DHCP on link ${this.link}: ${refusal}` };
    if (!isSilent) return undefined;
    return {
      kind: 'noLease',
      message: `no DHCPv${this.#request.family} server answers on link ${this.link}; it is asked again`,
    };
  }

  #deeds(actions: readonly LeaseAction[]): readonly ClientDeed[] {
    return actions.map((action) =>
      action.kind === 'probe'
        ? { kind: 'probe', address: action.address, mac: this.#request.identity.mac }
        : { kind: 'send', frame: this.dialect.frameOf(this.#request, action, this.#serverMac) },
    );
  }
}
