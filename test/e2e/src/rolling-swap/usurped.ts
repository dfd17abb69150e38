// SPDX-License-Identifier: Apache-2.0
/** What one of our agents may never do while others elect by the same Leases. Pure. */

/** A frame in which a host claimed an address. */
export interface HostClaim {
  readonly atMs: number;
  readonly address: string;
  readonly host: string;
}

/** Who holds the Lease of an address from a time on; `''`: nobody. In order of time. */
export type HolderHistory = readonly { readonly atMs: number; readonly holder: string }[];

/** From when to when a host ran our agent. */
export interface AgentSpan {
  readonly host: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A frame may have been under way to the observer for this long, and be read this much later. */
const UNDER_WAY_MS = 100;
/** The record of holders may be this late: a new holder may be heard before the record shows it. */
const RECORD_LAG_MS = 1_000;

/**
 * Claims by hosts that ran our agent while the Lease of the address was another host's, and had been for longer than a frame
 * is under way. A host that runs the peer is not judged: it may answer for an address after it has given the Lease back
 * (parity A4), and then two hosts are heard, of which ours is the one with the right to it.
 */
export function usurpedClaims(
  claims: readonly HostClaim[],
  holders: ReadonlyMap<string, HolderHistory>,
  ours: readonly AgentSpan[],
): readonly HostClaim[] {
  return claims.filter(
    ({ atMs, address, host }) =>
      ours.some((span) => span.host === host && atMs >= span.fromMs && atMs <= span.toMs) &&
      isSomebodyElses(holders.get(address) ?? [], host, atMs),
  );
}

/** Was the Lease one and the same other host's, from before the frame can have been sent to after the record is complete? */
function isSomebodyElses(history: HolderHistory, host: string, atMs: number): boolean {
  const at = history.findLast((entry) => entry.atMs <= atMs - UNDER_WAY_MS);
  if (at === undefined || at.holder === '' || at.holder === host) return false;
  const next = history.find((entry) => entry.atMs > atMs - UNDER_WAY_MS && entry.holder !== at.holder);
  return next === undefined || next.atMs > atMs + RECORD_LAG_MS;
}
