// SPDX-License-Identifier: Apache-2.0

/** Letters without vowels and look-alikes, so that names never spell words (the alphabet of Kubernetes names). */
const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** 32 bit FNV-1a of a text. */
export function fnv32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}

/** A short name part from any JSON value; equal values (whatever their key order) give equal names. */
export function hashName(value: unknown): string {
  const digits = String(fnv32(canonicalJson(value)));
  return [...digits].map((digit) => SAFE_ALPHABET[Number(digit)]).join('');
}

/** JSON with sorted keys. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
}
