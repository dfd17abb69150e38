// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import { CommandError, runCommand } from './commands.ts';
import type { Link } from './link.ts';
import { applyNft, deleteTables, dropTableScript, listTables, type NftTable } from './nft.ts';

/** Name of the guard's tables, one per family. */
const GUARD = 'fairlead_guard';

/** The tables of the guard. */
export const GUARD_TABLES: readonly NftTable[] = [
  { family: 'arp', name: GUARD },
  { family: 'ip', name: GUARD },
  { family: 'ip6', name: GUARD },
];

/** Link name -> the node's own address on it. */
export interface Senders {
  readonly ipv4: ReadonlyMap<string, string>;
  /** Link-local addresses. */
  readonly ipv6: ReadonlyMap<string, string>;
}

const NO_SENDERS: Senders = { ipv4: new Map(), ipv6: new Map() };

/**
 * The rules, without elements:
 * - ARP replies that name a managed address as sender are dropped: only the agent answers, through a packet socket,
 *   which passes no such hook.
 * - ARP requests of the kernel that carry a managed address as sender (it uses the source of the packet that waits)
 *   get the node's own address instead. Dropping them would make the peer unreachable once its entry is stale; letting
 *   them out would make a silent node claim the address in every neighbour's cache. A link without an address of its
 *   own asks with 0.0.0.0, as a probe does (RFC 5227).
 * - Neighbour advertisements for a managed target are dropped; solicitations sent *from* a managed address (only when it
 *   is on the link itself) get the link-local address as source, for the same reasons as in ARP.
 * - No ICMP redirect about a managed address: a node that does not own it would send clients astray.
 *
 * nft 1.0.6 has no `icmpv6 taddr`, so targets are matched as raw payload: 64 bits into ICMPv6 for the target of NDP
 * messages, 192 bits for the destination in a redirect. Elements of such sets are plain integers.
 */
function tablesScript(): string {
  return `table arp ${GUARD} {
  set managed { type ipv4_addr; }
  map senders { type ifname : ipv4_addr; }
  chain output {
    type filter hook output priority 0; policy accept;
    arp saddr ip != @managed accept
    arp operation reply drop
    arp operation request arp saddr ip set oifname map @senders
    arp saddr ip @managed arp saddr ip set 0.0.0.0
  }
}
table ip ${GUARD} {
  set managed { typeof @th,192,32; }
  chain output {
    type filter hook output priority 0; policy accept;
    icmp type redirect @th,192,32 @managed drop
  }
}
table ip6 ${GUARD} {
  set managed { typeof @th,64,128; }
  set sources { type ipv6_addr; }
  map senders { type ifname : ipv6_addr; }
  chain output {
    type filter hook output priority 0; policy accept;
    icmpv6 type nd-neighbor-advert @th,64,128 @managed drop
    icmpv6 type nd-redirect @th,192,128 @managed drop
    icmpv6 type nd-neighbor-solicit ip6 saddr @sources ip6 saddr set oifname map @senders
    icmpv6 type { nd-neighbor-advert, nd-neighbor-solicit } ip6 saddr @sources drop
  }
}
`;
}

/** Script that builds the guard anew, whatever was there, in one transaction. Pure. */
export function renderGuard(addresses: Iterable<string>, senders: Senders): string {
  const drops = GUARD_TABLES.map(dropTableScript).join('');
  return drops + tablesScript() + renderElements('add', addresses) + renderSenders(senders);
}

/** Script that adds or deletes the elements of these addresses. Pure; empty without addresses. */
export function renderElements(verb: 'add' | 'delete', addresses: Iterable<string>): string {
  const ipv4: string[] = [];
  const ipv4Raw: string[] = [];
  const ipv6: string[] = [];
  const ipv6Raw: string[] = [];
  for (const text of addresses) {
    const address = addressOf(text);
    if (address === undefined) throw new TypeError(`"${text}" is not an IP address, so it cannot be guarded`);
    const raw = `0x${address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0')}`;
    (address.family === 4 ? ipv4 : ipv6).push(text);
    (address.family === 4 ? ipv4Raw : ipv6Raw).push(raw);
  }
  const element = (family: string, set: string, members: readonly string[]): string =>
    members.length === 0 ? '' : `${verb} element ${family} ${GUARD} ${set} { ${members.join(', ')} }\n`;
  return (
    element('arp', 'managed', ipv4) +
    element('ip', 'managed', ipv4Raw) +
    element('ip6', 'managed', ipv6Raw) +
    element('ip6', 'sources', ipv6)
  );
}

/** Script that replaces the maps of own addresses. Pure. */
export function renderSenders(senders: Senders): string {
  const script = (family: 'arp' | 'ip6', byLink: ReadonlyMap<string, string>): string => {
    const members = [...byLink].map(([link, address]) => `${JSON.stringify(link)} : ${address}`);
    const fill =
      members.length === 0 ? '' : `add element ${family} ${GUARD} senders { ${members.join(', ')} }\n`;
    return `flush map ${family} ${GUARD} senders\n${fill}`;
  };
  return script('arp', senders.ipv4) + script('ip6', senders.ipv6);
}

/**
 * The addresses with which the kernel's own questions may go out on each link: IPv4, the first address of the node on it
 * that is not one we manage; IPv6, the link-local one. Pure.
 */
export function sendersOf(links: readonly Link[], isManaged: (address: string) => boolean): Senders {
  const ipv4 = new Map<string, string>();
  const ipv6 = new Map<string, string>();
  for (const link of links) {
    if (link.kind === 'loopback') continue;
    const own = link.addresses.filter(
      ({ address, preferredSeconds }) => preferredSeconds > 0 && !isManaged(address),
    );
    const first = own.find(({ family }) => family === 4);
    if (first !== undefined) ipv4.set(link.name, first.address);
    const linkLocal = own.find(({ family, scope }) => family === 6 && scope === 'link');
    if (linkLocal !== undefined) ipv6.set(link.name, linkLocal.address);
  }
  return { ipv4, ipv6 };
}

/**
 * Keeps the kernel from speaking ARP and NDP for managed addresses, whatever happens to the agent: static rules that
 * need nobody to be alive. They are in place before an address appears, and stay after a crash until the next start
 * has removed the leftovers.
 */
export class KernelGuard {
  readonly #addresses = new Set<string>();
  #senders = NO_SENDERS;

  /** Builds the guard with nothing in it, over any leftover. @throws CommandError */
  async build(senders: Senders): Promise<void> {
    this.#senders = senders;
    await applyNft(renderGuard(this.#addresses, senders));
  }

  has(address: string): boolean {
    return this.#addresses.has(address);
  }

  /** Guards these addresses as well; nothing is run for known ones. @throws CommandError */
  async add(addresses: readonly string[]): Promise<void> {
    const fresh = addresses.filter((address) => !this.#addresses.has(address));
    if (fresh.length === 0) return;
    try {
      await applyNft(renderElements('add', fresh));
    } catch (error) {
      // Somebody flushed the ruleset: the whole guard has to come back, these elements with it.
      if (!(error instanceof CommandError) || (await this.isThere())) throw error;
      await applyNft(renderGuard([...this.#addresses, ...fresh], this.#senders));
    }
    for (const address of fresh) this.#addresses.add(address);
  }

  /** Ends guarding the addresses that are not to be kept; those must be gone from the node. @throws CommandError */
  async retain(isKept: (address: string) => boolean): Promise<void> {
    const leaving = [...this.#addresses].filter((address) => !isKept(address));
    if (leaving.length === 0) return;
    for (const address of leaving) this.#addresses.delete(address);
    if (!(await this.isThere())) return;
    // Adding first makes the deletion succeed when somebody flushed the set.
    await applyNft(renderElements('add', leaving) + renderElements('delete', leaving));
  }

  /**
   * Repairs the guard when somebody removed it, and follows changes of the node's own addresses.
   * Returns whether it had been removed. @throws CommandError
   */
  async maintain(senders: Senders): Promise<boolean> {
    if (!(await this.isThere())) {
      await this.build(senders);
      return true;
    }
    if (!sameSenders(senders, this.#senders)) {
      await applyNft(renderSenders(senders));
      this.#senders = senders;
    }
    return false;
  }

  /** Removes the guard; all managed addresses must be gone from the node. @throws CommandError */
  async destroy(): Promise<void> {
    this.#addresses.clear();
    await deleteTables(GUARD_TABLES);
  }

  /** Whether all of its tables are there. The cost does not grow with addresses or with the rules of others. */
  async isThere(): Promise<boolean> {
    const present = new Set((await listTables(GUARD)).map(({ family }) => family));
    return GUARD_TABLES.every(({ family }) => present.has(family));
  }
}

/** Addresses in the guard of this network namespace, of whichever agent built it; for the sweep. */
export async function guardedAddresses(): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  // A start on a clean node need not ask nft.
  const present = new Set((await listTables(GUARD)).map(({ family }) => family));
  const sets = [
    ['arp', 'managed'],
    ['ip6', 'sources'],
  ] as const;
  const listings = sets
    .filter(([family]) => present.has(family))
    .map(([family, set]) =>
      runCommand('nft', ['list', 'set', family, GUARD, set], {
        accept: [0, 1],
      }),
    );
  for (const { stdout, status } of await Promise.all(listings)) {
    if (status !== 0) continue;
    const elements = /elements = \{([^}]*)\}/.exec(stdout)?.[1] ?? '';
    for (const element of elements.split(',')) {
      const address = element.trim();
      if (addressOf(address) !== undefined) found.add(address);
    }
  }
  return found;
}

function sameSenders(a: Senders, b: Senders): boolean {
  return renderSenders(a) === renderSenders(b);
}
