// SPDX-License-Identifier: Apache-2.0
/*
 * Bob Jenkins' lookup3 as Linux has it (include/linux/jhash.h), on a little-endian machine. It is the hash of nftables'
 * `jhash`, so that user space can tell, and the user-space plane can repeat, where the kernel sends a client.
 */

const INITIAL = 0xdeadbeef;

/** Hash of some bytes, 0 to 2^32 - 1. Pure. */
export function jenkinsHash(bytes: Uint8Array, seed: number): number {
  let a = (INITIAL + bytes.length + seed) >>> 0;
  let b = a;
  let c = a;
  let at = 0;
  for (; bytes.length - at > 12; at += 12) {
    a = (a + word(bytes, at)) | 0;
    b = (b + word(bytes, at + 4)) | 0;
    c = (c + word(bytes, at + 8)) | 0;
    [a, b, c] = mix(a, b, c);
  }
  if (at === bytes.length) return c >>> 0;
  return finish(a + word(bytes, at), b + word(bytes, at + 4), c + word(bytes, at + 8)) >>> 0;
}

/** A hash brought to 0 … `size - 1` as the kernel does it: by its share of the whole range, not by a remainder. Pure. */
export function scaleHash(hash: number, size: number): number {
  return Math.floor((hash * size) / 2 ** 32);
}

/** Four bytes, the first one lowest; those beyond the end count as zero. */
function word(bytes: Uint8Array, at: number): number {
  const byte = (offset: number) => bytes[at + offset] ?? 0;
  return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function mix(first: number, second: number, third: number): [number, number, number] {
  let [a, b, c] = [first, second, third];
  a = (a - c) ^ rotate(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ rotate(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ rotate(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ rotate(b, 4);
  b = (b + a) | 0;
  return [a, b, c];
}

function finish(first: number, second: number, third: number): number {
  let [a, b, c] = [first | 0, second | 0, third | 0];
  c = (c ^ b) - rotate(b, 14);
  a = (a ^ c) - rotate(c, 11);
  b = (b ^ a) - rotate(a, 25);
  c = (c ^ b) - rotate(b, 16);
  a = (a ^ c) - rotate(c, 4);
  b = (b ^ a) - rotate(a, 14);
  c = (c ^ b) - rotate(b, 24);
  return c;
}
