// SPDX-License-Identifier: Apache-2.0
import { formatValue } from '@fairlead/shared/address/address.ts';
import { type Cidr, parseCidr, rangeOfCidr } from '@fairlead/shared/address/cidr.ts';

/** Addresses of one pod: the same host number in every family. */
export interface PodAddresses {
  /** Host number within each range. */
  readonly number: number;
  readonly addresses: readonly PodAddress[];
}

/** One address of a pod with the router it uses, the first address of the range. */
export interface PodAddress {
  readonly family: 4 | 6;
  readonly address: string;
  readonly gateway: string;
}

const FIRST_NUMBER = 2;
/** Highest host number, also in an IPv6 range: both families count alike. */
const LAST_NUMBER = 254;

/**
 * Hands out pod addresses, the longest unused first: connections and caches of a dead pod must not meet a new one at
 * once. Number 1 is the node's end of every pod's link.
 */
export class PodAddressPool {
  readonly #ranges: readonly Cidr[];
  readonly #taken = new Set<number>();
  #last = FIRST_NUMBER - 1;

  /** @param cidrs at most one per family, each with room for 254 hosts */
  constructor(cidrs: readonly string[]) {
    this.#ranges = cidrs.map((text) => {
      const parsed = parseCidr(text);
      if (!parsed.ok) throw new Error(`pod range "${text}": ${parsed.problem}`);
      return parsed.value;
    });
  }

  /** The next free addresses; throws when all are taken. */
  take(): PodAddresses {
    for (let step = 1; step <= LAST_NUMBER; step += 1) {
      const span = LAST_NUMBER - FIRST_NUMBER + 1;
      const number = FIRST_NUMBER + ((this.#last - FIRST_NUMBER + step + span) % span);
      if (this.#taken.has(number)) continue;
      this.#last = number;
      return this.reserve(number);
    }
    throw new Error(`all ${LAST_NUMBER - FIRST_NUMBER + 1} pod addresses of this node are taken`);
  }

  /** Marks a number as taken: pods that a predecessor of this kubelet started. */
  reserve(number: number): PodAddresses {
    this.#taken.add(number);
    this.#last = Math.max(this.#last, number);
    return {
      number,
      addresses: this.#ranges.map((range) => {
        const { first } = rangeOfCidr(range);
        return {
          family: range.family,
          address: formatValue(range.family, first + BigInt(number)),
          gateway: formatValue(range.family, first + 1n),
        };
      }),
    };
  }

  /** Gives addresses back. */
  release(number: number): void {
    this.#taken.delete(number);
  }
}
