// SPDX-License-Identifier: Apache-2.0
import { addressOf, FAMILIES, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import type { NotedLease } from './dhcp-addresses.ts';

/** A lease as it is noted, with the client that it was given to: a copied annotation is nobody's. */
export interface LeaseNote extends NotedLease {
  /** See `clientOf`. */
  readonly client: string;
}

/** Leases of a Service, by family. */
export type NotedLeases = ReadonlyMap<Family, LeaseNote>;

/** Text of a lease that never ends. */
const NEVER = 'never';

interface LeaseJson {
  readonly client: string;
  readonly address: string;
  readonly server: string;
  /** Length of the lease in seconds, or `never`. */
  readonly seconds: number | typeof NEVER;
  /** RFC 3339, or `never`. */
  readonly expires: string;
}

/** Value of the annotation `dhcp-lease`: JSON with `ipv4` and `ipv6`. Pure. */
export function formatNotedLeases(leases: NotedLeases): string {
  const entries = FAMILIES.flatMap((family) => {
    const lease = leases.get(family);
    return lease === undefined ? [] : [[`ipv${family}`, toJson(lease)] as const];
  });
  return JSON.stringify(Object.fromEntries(entries));
}

/** Reads the annotation. What cannot be read counts as not noted: then the server is asked. Never throws. Pure. */
export function parseNotedLeases(text: string | undefined): NotedLeases {
  const leases = new Map<Family, LeaseNote>();
  const json = parseJson(text);
  for (const family of FAMILIES) {
    const lease = fromJson(json?.[`ipv${family}`], family);
    if (lease !== undefined) leases.set(family, lease);
  }
  return leases;
}

function toJson({ client, address, server, durationMs, expiresWallMs }: LeaseNote): LeaseJson {
  const isEndless = durationMs === Number.POSITIVE_INFINITY;
  return {
    client,
    address,
    server,
    seconds: isEndless ? NEVER : Math.round(durationMs / 1000),
    expires: isEndless ? NEVER : new Date(expiresWallMs).toISOString(),
  };
}

function fromJson(json: unknown, family: Family): LeaseNote | undefined {
  if (!isRecord(json)) return undefined;
  const { client, address: text, server, seconds, expires } = json;
  const address = typeof text === 'string' ? addressOf(text) : undefined;
  if (address?.family !== family || typeof server !== 'string' || typeof expires !== 'string')
    return undefined;
  if (typeof client !== 'string') return undefined;
  const durationMs = seconds === NEVER ? Number.POSITIVE_INFINITY : Number(seconds) * 1000;
  const expiresWallMs = expires === NEVER ? Number.POSITIVE_INFINITY : Date.parse(expires);
  if (!(durationMs > 0) || Number.isNaN(expiresWallMs)) return undefined;
  return { client, address: formatAddress(address), server, durationMs, expiresWallMs };
}

function parseJson(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return isRecord(json) ? json : undefined;
  } catch {
    // Somebody edited it; it is written anew with the next lease.
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
