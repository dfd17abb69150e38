// SPDX-License-Identifier: Apache-2.0

/** How many prefixes the benchmark works with. */
export const PREFIXES = 1_000;

/** Pools of one namespace each, no two of which can be joined to one prefix. */
export function manyPools(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Array.from({ length: PREFIXES }, (_, index) => [
      `cidr-team-${index}`,
      `10.100.${index >> 5}.${(index & 31) * 8}/30`,
    ]),
  );
}
