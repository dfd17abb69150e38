// SPDX-License-Identifier: Apache-2.0
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { addressOf, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import { isOrdinary } from '@fairlead/shared/address/ordinary.ts';
import type { FamilyResult, NameResult } from './name-book.ts';

/** Asks for a name; never rejects. */
export type ResolveName = (name: string) => Promise<NameResult>;

/** What {@link createResolver} needs. */
export interface ResolverOptions {
  /** `192.0.2.53` or `192.0.2.53:5353`; default: those of the node. */
  readonly servers?: readonly string[];
  /** Names that are known without asking anybody; default `/etc/hosts`. */
  readonly hostsFile?: string;
}

/** A server that says nothing is given up after twice this time. */
const TIMEOUT_MS = 2_000;
const TRIES = 2;
/** How long an entry of the hosts file is taken for true. */
const HOSTS_TTL_MS = 10_000;

/**
 * Resolves names by node:dns's own resolver, which blocks no thread (getaddrinfo would take one of four), after a look into
 * the hosts file, as kube-vip does. Search domains are not used: a name is written in full.
 */
export function createResolver({ servers, hostsFile = '/etc/hosts' }: ResolverOptions = {}): ResolveName {
  return async (name) => {
    const local = await fromHosts(hostsFile, name);
    if (local !== undefined) return local;
    // A new one each time reads anew which servers the node asks.
    const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
    if (servers !== undefined) resolver.setServers([...servers]);
    const [ipv4, ipv6] = await Promise.all([
      inFamily(4, () => resolver.resolve4(name, { ttl: true })),
      inFamily(6, () => resolver.resolve6(name, { ttl: true })),
    ]);
    return { ipv4, ipv6 };
  };
}

async function inFamily(
  family: Family,
  ask: () => Promise<readonly { readonly address: string; readonly ttl: number }[]>,
): Promise<FamilyResult> {
  try {
    const records = await ask();
    const ttlMs = 1_000 * Math.min(...records.map(({ ttl }) => ttl));
    return {
      kind: 'addresses',
      addresses: usable(
        records.map(({ address }) => address),
        family,
      ),
      ttlMs,
    };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (code === 'ENODATA') return { kind: 'addresses', addresses: [], ttlMs: 0 };
    return code === 'ENOTFOUND' ? { kind: 'noSuchName' } : { kind: 'failed', code };
  }
}

/** Canonical; without what no node may answer for (unspecified, loopback, link-local and multicast addresses). */
function usable(texts: readonly string[], family: Family): readonly string[] {
  return texts.flatMap((text) => {
    const address = addressOf(text);
    if (address === undefined || address.family !== family) return [];
    const canonical = formatAddress(address);
    return isOrdinary(canonical) ? [canonical] : [];
  });
}

async function fromHosts(file: string, name: string): Promise<NameResult | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    // None is as good as an empty one.
    return undefined;
  }
  const found = text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    return names.some((entry) => entry.toLowerCase() === name) ? [address] : [];
  });
  if (found.length === 0) return undefined;
  const inHosts = (family: Family): FamilyResult => ({
    kind: 'addresses',
    addresses: usable(found, family),
    ttlMs: HOSTS_TTL_MS,
  });
  return { ipv4: inHosts(4), ipv6: inHosts(6) };
}
