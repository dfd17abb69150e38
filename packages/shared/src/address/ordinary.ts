// SPDX-License-Identifier: Apache-2.0

const SPECIAL = /^(0\.|127\.|169\.254\.|22[4-9]\.|2[3-5]\d\.|::1?$|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:)/;

/**
 * Can the address be that of one machine, and mean the same everywhere in a network? Not so those that are unspecified, loopback,
 * link-local, multicast or reserved. Pure.
 *
 * @param canonical text in the form of `formatAddress`
 */
export function isOrdinary(canonical: string): boolean {
  return !SPECIAL.test(canonical);
}
