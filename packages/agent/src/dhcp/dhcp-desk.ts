// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import { AGENT_REASON, type ServiceProblem } from '../services/problem.ts';
import type { ServedService } from '../services/served-service.ts';
import type { AnnouncedWord } from '../status/announced-condition.ts';
import type { DhcpAddresses, DhcpLease, DhcpRequest, NotedLease } from './dhcp-addresses.ts';
import { clientOf } from './identity.ts';
import { formatNotedLeases, type LeaseNote } from './noted-lease.ts';
import { isOwnershipKey } from './ownership-key.ts';

/** Who owns an address that DHCP gave, and until when it may be used. */
export interface LeaseFacts {
  readonly key: string;
  readonly untilMs: number;
}

/** A noted end of a lease that differs by less than this part of the lease is not worth a write. */
const NOTE_PRECISION = 1 / 8;

/**
 * Where the rest of the agent looks up what stands behind an ownership key. Ownership speaks of keys, everything else of
 * addresses; the desk knows both.
 */
export class DhcpDesk {
  readonly #dhcp: DhcpAddresses;
  readonly #clock: Clock;
  #requests: ReadonlyMap<string, DhcpRequest> = new Map();
  #owned: ReadonlyMap<string, string> = new Map();
  #named: ReadonlySet<string> = new Set();
  /** Address -> key under which it is or was here. */
  readonly #behind = new Map<string, string>();
  /** Key -> end of the lease on the monotonic and on the wall clock, computed once so that it stays the same. */
  readonly #ends = new Map<string, { readonly untilMs: number; readonly wallMs: number }>();

  constructor(dhcp: DhcpAddresses, clock: Clock) {
    this.#dhcp = dhcp;
    this.#clock = clock;
  }

  /** The names under which ownership knows addresses and wishes. An address that is among them is not owned by a key. */
  nameAll(names: ReadonlySet<string>): void {
    this.#named = names;
  }

  /** Passes on what is asked for, and the keys that this node owns with the links on which it asks. */
  follow(services: readonly ServedService[], owned: ReadonlyMap<string, string>): void {
    const requests = new Map<string, DhcpRequest>();
    for (const { dhcp } of services) {
      for (const request of dhcp) if (!requests.has(request.key)) requests.set(request.key, request);
    }
    this.#requests = requests;
    this.#owned = owned;
    this.#dhcp.apply({ requests: [...requests.values()], owned });
    for (const [key, { address }] of this.#dhcp.leases()) this.#behind.set(address, key);
    for (const key of this.#ends.keys()) if (!requests.has(key)) this.#ends.delete(key);
  }

  /** Nothing is asked for, so there is nothing to translate. */
  get isIdle(): boolean {
    return this.#requests.size === 0 && this.#behind.size === 0;
  }

  /** The address that this node may use because it owns a key; not one that ownership knows by itself. */
  leasedAddress(key: string): string | undefined {
    const address = this.#dhcp.leaseOf(key)?.address;
    return address === undefined || this.#named.has(address) ? undefined : address;
  }

  /** The address behind a key as far as is known: the own lease, or what another owner noted. */
  addressBehind(key: string): string | undefined {
    if (!isOwnershipKey(key)) return undefined;
    const own = this.#dhcp.leaseOf(key)?.address;
    return own ?? (this.#owned.has(key) ? undefined : this.#requests.get(key)?.noted?.address);
  }

  /** Undefined: it did not come from DHCP, its lease has ended, or it is owned by itself. */
  factsOf(address: string): LeaseFacts | undefined {
    if (this.#named.has(address)) return undefined;
    const key = this.#behind.get(address);
    const lease = key === undefined ? undefined : this.#dhcp.leaseOf(key);
    return key !== undefined && lease?.address === address ? { key, untilMs: lease.untilMs } : undefined;
  }

  /** What ownership calls the addresses that are on this node. What is gone is forgotten. */
  keysOf(held: ReadonlySet<string>): ReadonlySet<string> {
    if (this.#behind.size === 0) return held;
    const keys = new Set<string>();
    for (const address of held) {
      const key = this.#behind.get(address);
      if (key !== undefined) keys.add(key);
      if (key === undefined || this.#named.has(address)) keys.add(address);
    }
    const leased = new Set([...this.#dhcp.leases().values()].map(({ address }) => address));
    for (const address of this.#behind.keys()) {
      if (!held.has(address) && !leased.has(address)) this.#behind.delete(address);
    }
    return keys;
  }

  /** The Services with addresses instead of keys, as far as they are known. */
  resolve(services: readonly ServedService[]): readonly ServedService[] {
    if (this.#requests.size === 0) return services;
    return services.map((service) => this.named(service));
  }

  /** The same with the addresses that are behind its keys, as far as they are known. */
  named<T extends { readonly addresses: readonly string[] }>(owned: T): T {
    if (!owned.addresses.some(isOwnershipKey)) return owned;
    const addresses = owned.addresses.map((address) => this.addressBehind(address) ?? address);
    return { ...owned, addresses: [...new Set(addresses)] };
  }

  /** Addresses that DHCP gave to Services of whichever node, so that they can be guarded ahead. */
  known(): readonly string[] {
    return [...this.#requests.keys()].flatMap((key) => this.addressBehind(key) ?? []);
  }

  /** `namespace/name` -> what stands between the Services that this node asks for and their addresses. */
  problems(services: readonly ServedService[]): ReadonlyMap<string, readonly ServiceProblem[]> {
    const found = this.#dhcp.problems();
    const problems = new Map<string, readonly ServiceProblem[]>();
    if (found.size === 0) return problems;
    for (const { key, dhcp } of services) {
      const own = dhcp.flatMap((request): readonly ServiceProblem[] => {
        const problem = found.get(request.key);
        if (problem === undefined) return [];
        const reason = problem.kind === 'noLease' ? AGENT_REASON.dhcpNoLease : AGENT_REASON.dhcpNotRenewed;
        return [{ reason, message: problem.message }];
      });
      if (own.length > 0) problems.set(key, own);
    }
    return problems;
  }

  /** What stands between a Service and the address that this node asks for: its status is to name none for the moment. */
  lackOf({ dhcp }: ServedService): AnnouncedWord | undefined {
    const problems = this.#dhcp.problems();
    const lacking = dhcp.flatMap(({ key }) => {
      const problem = this.#owned.has(key) ? problems.get(key) : undefined;
      return problem?.kind === 'noLease' ? [problem.message] : [];
    });
    if (lacking.length === 0) return undefined;
    return { status: 'False', reason: AGENT_REASON.dhcpNoLease, message: lacking.join('; ') };
  }

  /** What is said of a Service all of whose addresses are answered for; undefined where none comes from DHCP. */
  wordOn({ dhcp }: ServedService): AnnouncedWord | undefined {
    const given = dhcp.flatMap(({ key }) => this.#dhcp.leaseOf(key) ?? []);
    if (given.length === 0) return undefined;
    const message = given.map(({ address, server }) => `DHCP server ${server} gave ${address}`).join('; ');
    return { status: 'True', reason: AGENT_REASON.addressHeld, message };
  }

  /** What the Service should note about the leases that this node holds for it. */
  notes({ dhcp, object }: ServedService): Readonly<Record<string, string>> {
    const [first] = dhcp;
    if (first === undefined || dhcp.every(({ key }) => this.#dhcp.leaseOf(key) === undefined)) return {};
    const noted = new Map<Family, LeaseNote>();
    const requested: string[] = [];
    for (const request of dhcp) {
      const lease = this.#dhcp.leaseOf(request.key);
      const note = lease === undefined ? request.noted : this.#noteOf(request, lease);
      const client = clientOf(request.family, request.identity);
      if (note !== undefined) noted.set(request.family, { ...note, client });
      const address = note?.address ?? request.wanted;
      if (address !== undefined) requested.push(address);
    }
    const text = formatNotedLeases(noted);
    const current = object.metadata?.annotations ?? {};
    // An annotation that says the same in another spelling is the user's.
    const spelled = current[ANNOTATION.hwaddr]?.trim().toLowerCase().replaceAll('-', ':');
    const isSame = spelled === first.identity.mac;
    return {
      [ANNOTATION.hwaddr]: (isSame ? current[ANNOTATION.hwaddr] : undefined) ?? first.identity.mac,
      [ANNOTATION.requestedIP]: requested.join(','),
      [ANNOTATION.dhcpLease]: text,
    };
  }

  #noteOf({ key, noted }: DhcpRequest, lease: DhcpLease): NotedLease {
    const { address, server, durationMs, untilMs } = lease;
    const known = this.#ends.get(key);
    const wallMs =
      known?.untilMs === untilMs ? known.wallMs : this.#clock.wallMs() + untilMs - this.#clock.monotonicMs();
    this.#ends.set(key, { untilMs, wallMs });
    const isNoted =
      noted?.address === address &&
      noted.server === server &&
      noted.durationMs === durationMs &&
      // Infinity minus Infinity is no number; such a lease is noted.
      !(Math.abs(noted.expiresWallMs - wallMs) > durationMs * NOTE_PRECISION);
    return isNoted ? noted : { address, server, durationMs, expiresWallMs: wallMs };
  }
}
