// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import type { Secret } from '@fairlead/shared/kubernetes/objects.ts';
import { KeyRing, MIN_SECRET_BYTES } from '../raft/key-ring.ts';
import type { RaftKeys } from '../raft-driver/raft-port.ts';

/** Entries of the Secret: the one that signs, and those that are accepted beside it while one replaces the other. */
const SIGNING = 'key';
const ACCEPTED = ['key-next', 'key-previous'] as const;

/** Reads the keys out of a Secret. Never throws, and says nothing of what is in it. */
export function keysOfSecret({ data = {} }: Secret): Parsed<RaftKeys> {
  const signing = data[SIGNING];
  if (signing === undefined || signing === '') {
    return unparsable(`it has no "${SIGNING}"; expected at least ${MIN_SECRET_BYTES} random bytes there`);
  }
  const others = ACCEPTED.flatMap((name) => data[name] || []);
  return checked(decode(signing), others.map(decode));
}

/**
 * Reads the keys out of a file: one line each, the first signs. Ends of lines and white space around them do not count.
 */
export function keysOfFile(text: string): Parsed<RaftKeys> {
  const [signing, ...others] = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (signing === undefined) return unparsable('it is empty; expected a key on its first line');
  const bytes = (line: string) => new TextEncoder().encode(line);
  return checked(bytes(signing), others.map(bytes));
}

/** A key made with an editor or `echo` has a line end that one made otherwise has not. */
function decode(base64: string): Uint8Array {
  const bytes = Buffer.from(base64, 'base64');
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--;
  return new Uint8Array(bytes.subarray(0, end));
}

function checked(signing: Uint8Array, others: readonly Uint8Array[]): Parsed<RaftKeys> {
  const ring = KeyRing.of(signing, others);
  return ring.ok ? parsed({ signing, others }) : ring;
}

/** Are they the same, byte by byte? */
export function sameKeys(a: RaftKeys | undefined, b: RaftKeys): boolean {
  if (a === undefined || a.others.length !== b.others.length) return false;
  const equal = (x: Uint8Array, y: Uint8Array | undefined) => y !== undefined && Buffer.from(x).equals(y);
  return equal(a.signing, b.signing) && a.others.every((other, index) => equal(other, b.others[index]));
}
