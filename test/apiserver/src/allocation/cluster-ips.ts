// SPDX-License-Identifier: Apache-2.0
import { addressNumber, addressText, familyOf, type IpFamily } from '../validation/ip.ts';

/** Precision of one random number when it picks out of a range that may be as large as an IPv6 /64. */
const RANDOM_BITS = 52n;

/**
 * Service addresses of one family, out of one CIDR. Taking any address costs a random start and, on a collision, a walk
 * to the next free one: constant until the range is nearly full, whatever its size.
 */
export class ClusterIpPool {
  readonly family: IpFamily;
  /** As given, for messages. */
  readonly cidr: string;
  readonly #random: () => number;
  readonly #taken = new Set<bigint>();
  readonly #first: bigint;
  readonly #last: bigint;
  /** Addresses below this are handed out only when the others are gone: they are for explicit requests. */
  readonly #dynamicFrom: bigint;

  /** Throws for a text that is no CIDR. */
  constructor(cidr: string, random: () => number) {
    const [address = '', length = ''] = cidr.split('/');
    const family = familyOf(address);
    const number = addressNumber(address);
    if (family === undefined || number === undefined || !/^\d+$/.test(length)) {
      throw new Error(`Service range ${JSON.stringify(cidr)} is no CIDR; expected for example 10.96.0.0/16`);
    }
    const hostBits = BigInt((family === 'IPv4' ? 32 : 128) - Number(length));
    const size = 1n << hostBits;
    const network = (number >> hostBits) << hostBits;
    this.family = family;
    this.cidr = cidr;
    this.#random = random;
    this.#first = network + 1n;
    this.#last = network + size - (family === 'IPv4' ? 2n : 1n);
    this.#dynamicFrom = this.#first + reservedOf(size);
  }

  /** Takes this address; returns what is wrong otherwise, in the words of the real server. */
  take(address: string): string | undefined {
    const number = this.#own(address);
    if (number === undefined) return 'the provided network does not match the current range';
    if (this.#taken.has(number)) return 'provided IP is already allocated';
    this.#taken.add(number);
    return undefined;
  }

  /** Takes any address; `undefined` when none is left. */
  takeAny(): string | undefined {
    const number =
      this.#find(this.#dynamicFrom, this.#last) ?? this.#find(this.#first, this.#dynamicFrom - 1n);
    if (number === undefined) return undefined;
    this.#taken.add(number);
    return addressText(number, this.family);
  }

  /** Gives an address back; one that is not taken stays so. */
  release(address: string): void {
    const number = this.#own(address);
    if (number !== undefined) this.#taken.delete(number);
  }

  #own(address: string): bigint | undefined {
    const number = familyOf(address) === this.family ? addressNumber(address) : undefined;
    return number !== undefined && number >= this.#first && number <= this.#last ? number : undefined;
  }

  #find(from: bigint, to: bigint): bigint | undefined {
    if (to < from) return undefined;
    const fraction = BigInt(Math.floor(this.#random() * Number(1n << RANDOM_BITS)));
    const start = from + (((to - from + 1n) * fraction) >> RANDOM_BITS);
    for (let number = start; number <= to; number += 1n) if (!this.#taken.has(number)) return number;
    for (let number = from; number < start; number += 1n) if (!this.#taken.has(number)) return number;
    return undefined;
  }
}

/** The lower part of a range is kept for explicit requests: a sixteenth of it, at least 16, at most 256. */
function reservedOf(size: bigint): bigint {
  if (size <= 16n) return 0n;
  const part = size / 16n;
  return part < 16n ? 16n : part > 256n ? 256n : part;
}
