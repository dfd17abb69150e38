// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import { CommandError, runCommand } from './commands.ts';
import { type Link, type LinkAddress, listLinks } from './links.ts';

/** An address of ours on the link that carries it. */
export interface PlacedAddress {
  /** Canonical text. */
  readonly address: string;
  /** `lo`, or the link on which it is answered for. */
  readonly link: string;
  /** Of an IPv4 address. Default `host`. */
  readonly scope?: 'host' | 'global';
}

/** An address that the kernel did not accept or give back. */
export interface AddressFailure {
  readonly address: string;
  readonly problem: string;
}

/** Longest link name (and IPv4 label) the kernel takes: IFNAMSIZ - 1. */
const MAX_LABEL_LENGTH = 15;
const LABEL_SUFFIX = ':fl';

/**
 * The label by which IPv4 addresses of ours are known (`lo:fl`), or undefined on links whose name leaves no room.
 * iproute2 6.1 cannot write the protocol attribute of addresses and IPv6 addresses have no label, so what we own is
 * found by three marks together, see {@link isOurs}.
 */
export function labelOf(link: string): string | undefined {
  return link.length + LABEL_SUFFIX.length <= MAX_LABEL_LENGTH ? link + LABEL_SUFFIX : undefined;
}

/**
 * Whether an address was put there by an agent of ours: a single host, deprecated from birth, with an end to its life,
 * and known either by our label or by being in the guard of the agent that put it there. Pure.
 */
export function isOurs(link: Link, own: LinkAddress, isGuarded: (address: string) => boolean): boolean {
  const isHost = own.prefixLength === (own.family === 4 ? 32 : 128);
  if (!isHost || own.preferredSeconds > 0 || own.validSeconds === Number.POSITIVE_INFINITY) return false;
  if (own.family === 4 && own.label === link.name + LABEL_SUFFIX) return true;
  if (isGuarded(own.address)) return true;
  // A loopback link gets no address by autoconfiguration, so nothing else puts a deprecated one there.
  return own.family === 6 && link.kind === 'loopback';
}

/**
 * Batch for `ip` that puts addresses there or renews them, which is one and the same request: the kernel only moves the
 * deadline of an address that exists, nothing flaps. The scope is usually `host`, so that the kernel never picks such an address as
 * a source by itself, not even when the link has no other. Pure.
 */
export function renderRenewal(addresses: readonly PlacedAddress[], validSeconds: number): string {
  return addresses
    .map(({ address, link, scope = 'host' }) => {
      const lifetime = `preferred_lft 0 valid_lft ${validSeconds}`;
      if (addressOf(address)?.family === 6) {
        return `address replace ${address}/128 dev ${link} nodad noprefixroute ${lifetime}\n`;
      }
      const label = labelOf(link);
      return `address replace ${address}/32 dev ${link}${label === undefined ? '' : ` label ${label}`} scope ${scope} ${lifetime}\n`;
    })
    .join('');
}

/** Batch for `ip` that takes addresses off. Pure. */
export function renderRemoval(addresses: readonly PlacedAddress[]): string {
  return addresses
    .map(({ address, link }) => {
      const length = addressOf(address)?.family === 6 ? 128 : 32;
      return `address del ${address}/${length} dev ${link}\n`;
    })
    .join('');
}

/** How the kernel's addresses differ from those wanted. */
export interface AddressDrift {
  /** Wanted, but not there. */
  readonly missing: readonly PlacedAddress[];
  /** Ours by their marks, but not wanted there. */
  readonly surplus: readonly PlacedAddress[];
}

/** Compares the addresses wanted with one dump. Pure. */
export function addressDrift(
  wanted: readonly PlacedAddress[],
  links: readonly Link[],
  isGuarded: (address: string) => boolean,
): AddressDrift {
  const key = (placed: PlacedAddress): string => `${placed.link} ${placed.address}`;
  const present = new Set<string>();
  const wantedKeys = new Set(wanted.map(key));
  const surplus: PlacedAddress[] = [];
  for (const link of links) {
    for (const own of link.addresses) {
      const placed = { address: own.address, link: link.name };
      present.add(key(placed));
      if (!wantedKeys.has(key(placed)) && isOurs(link, own, isGuarded)) surplus.push(placed);
    }
  }
  return { missing: wanted.filter((placed) => !present.has(key(placed))), surplus };
}

/** Puts addresses there or renews them, all with one spawn; returns those that the kernel refused. */
export function renewAddresses(
  addresses: readonly PlacedAddress[],
  validSeconds: number,
): Promise<readonly AddressFailure[]> {
  return runBatch(addresses, renderRenewal(addresses, validSeconds));
}

/**
 * Takes addresses off, all with one spawn; returns those that are still there. One that is gone already (evaporated,
 * removed by hand, its link deleted) is no failure; since the kernel's words for that differ between versions, the
 * kernel is asked again instead of reading them.
 */
export async function removeAddresses(
  addresses: readonly PlacedAddress[],
): Promise<readonly AddressFailure[]> {
  const failures = await runBatch(addresses, renderRemoval(addresses));
  if (failures.length === 0) return [];
  const links = await listLinks();
  return failures.filter(({ address }) =>
    addresses.some(
      (placed) =>
        placed.address === address &&
        links.some(
          ({ name, addresses: own }) => name === placed.link && own.some((one) => one.address === address),
        ),
    ),
  );
}

async function runBatch(
  addresses: readonly PlacedAddress[],
  script: string,
): Promise<readonly AddressFailure[]> {
  if (addresses.length === 0) return [];
  // -force goes on after a failing line; the exit status then only says that some line failed.
  const { stderr, status } = await runCommand('ip', ['-force', '-batch', '-'], {
    input: script,
    accept: [0, 1],
  });
  if (status === 0) return [];
  const failures = parseBatchErrors(stderr);
  if (failures.size === 0) throw new CommandError('ip', ['-force', '-batch', '-'], 'failed', status, stderr);
  return [...failures].flatMap(([line, problem]) => {
    const placed = addresses[line - 1];
    return placed === undefined ? [] : [{ address: placed.address, problem }];
  });
}

/** Reads what `ip -force -batch -` wrote to standard error: line number (from 1) -> problem. Pure. */
export function parseBatchErrors(stderr: string): ReadonlyMap<number, string> {
  const failures = new Map<number, string>();
  let words: string[] = [];
  for (const line of stderr.split('\n')) {
    const failed = /^Command failed .*:(\d+)$/.exec(line.trim());
    if (failed?.[1] !== undefined) {
      failures.set(Number(failed[1]), words.join(' ') || 'refused without a reason');
      words = [];
    } else if (line.trim() !== '') words.push(line.trim());
  }
  return failures;
}
