// SPDX-License-Identifier: Apache-2.0
import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';

/** HMAC-SHA256, cut to its first half as RFC 2104 allows: 128 bits. */
export const SIGNATURE_BYTES = 16;

/** Shorter secrets can be guessed. */
export const MIN_SECRET_BYTES = 16;

/**
 * The secrets that the agents of a group share. One signs, all of them are accepted, so that a secret can be replaced without
 * a moment at which agents do not understand each other: add the new one to all, let it sign on all, take the old one
 * away from all. A message names its secret by a number that follows from the secret.
 */
export class KeyRing {
  readonly #keys: ReadonlyMap<number, KeyObject>;
  readonly #signing: KeyObject;
  /** Number of the secret that signs. */
  readonly signingId: number;

  private constructor(keys: ReadonlyMap<number, KeyObject>, signingId: number, signing: KeyObject) {
    this.#keys = keys;
    this.#signing = signing;
    this.signingId = signingId;
  }

  /** `signing` signs; it and `others` are accepted. */
  static of(signing: Uint8Array, others: readonly Uint8Array[] = []): Parsed<KeyRing> {
    const keys = new Map<number, KeyObject>();
    for (const secret of [signing, ...others]) {
      if (secret.length < MIN_SECRET_BYTES) {
        return unparsable(`a key of ${secret.length} bytes; expected at least ${MIN_SECRET_BYTES}`);
      }
      const id = keyIdOf(secret);
      const key = createSecretKey(secret);
      const known = keys.get(id);
      if (known !== undefined && !known.equals(key)) {
        return unparsable(`two keys with the same number ${id}; make one of them anew`);
      }
      keys.set(id, key);
    }
    return parsed(new KeyRing(keys, keyIdOf(signing), createSecretKey(signing)));
  }

  /** Numbers of all accepted secrets. */
  get ids(): readonly number[] {
    return [...this.#keys.keys()];
  }

  /** Signature of `bytes` with the secret that signs. */
  sign(bytes: Uint8Array): Uint8Array {
    return signature(this.#signing, bytes);
  }

  /** `unknownKey`: none of ours has this number. */
  verify(keyId: number, bytes: Uint8Array, received: Uint8Array): 'ok' | 'unknownKey' | 'badSignature' {
    const key = this.#keys.get(keyId);
    if (key === undefined) return 'unknownKey';
    if (received.length !== SIGNATURE_BYTES) return 'badSignature';
    return timingSafeEqual(signature(key, bytes), received) ? 'ok' : 'badSignature';
  }
}

function signature(key: KeyObject, bytes: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(bytes).digest().subarray(0, SIGNATURE_BYTES);
}

/** Says nothing about the secret: 32 bits of a hash that is used for nothing else. */
function keyIdOf(secret: Uint8Array): number {
  return createHash('sha256').update('fairlead key number\0').update(secret).digest().readUInt32BE(0);
}
