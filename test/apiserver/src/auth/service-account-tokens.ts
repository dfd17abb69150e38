// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign, verify } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../api/objects.ts';
import type { User } from './user.ts';

/** Issuer of the tokens, and their audience when a request names none. */
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';

/** What a token is asked for. */
export interface TokenClaims {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The pod or other object that the token dies with. */
  readonly boundTo?: { readonly kind: string; readonly name: string; readonly uid: string };
}

/** Signs and checks service-account tokens: JWTs with the claims of the real ones. */
export interface ServiceAccountTokens {
  issue(claims: TokenClaims): { readonly token: string; readonly expiresAt: Date };
  /** The user of a valid token of an account (and pod) that still exists, else `undefined`. */
  verify(token: string): User | undefined;
}

/** Tells whether the object a token is bound to is still there. */
export type ObjectLookup = (kind: string, namespace: string, name: string) => string | undefined;

const SIGNATURE = { ec: 'ES256', rsa: 'RS256' } as const;

/**
 * `privateKeyPem`: P-256 or RSA. `uidOf` gives the uid of a live ServiceAccount or Pod, so that tokens of deleted
 * accounts stop working at once.
 */
export function createServiceAccountTokens(
  privateKeyPem: string,
  uidOf: ObjectLookup,
  now: () => Date,
): ServiceAccountTokens {
  const privateKey = createPrivateKey(privateKeyPem);
  const publicKey = createPublicKey(privateKeyPem);
  const algorithm = privateKey.asymmetricKeyType === 'ec' ? SIGNATURE.ec : SIGNATURE.rsa;
  const opened = new OpenedTokens(publicKey);

  return {
    issue(claims) {
      const issuedAt = Math.floor(now().getTime() / 1000);
      const expires = issuedAt + claims.expirationSeconds;
      const payload = {
        aud: claims.audiences.length > 0 ? claims.audiences : [ISSUER],
        exp: expires,
        iat: issuedAt,
        iss: ISSUER,
        jti: randomUUID(),
        'kubernetes.io': {
          namespace: claims.namespace,
          serviceaccount: { name: claims.name, uid: claims.uid },
          ...(claims.boundTo
            ? { [claims.boundTo.kind.toLowerCase()]: { name: claims.boundTo.name, uid: claims.boundTo.uid } }
            : {}),
        },
        nbf: issuedAt,
        sub: `system:serviceaccount:${claims.namespace}:${claims.name}`,
      };
      const signed = `${encode({ alg: algorithm, typ: 'JWT' })}.${encode(payload)}`;
      const signature = signText(signed, privateKey);
      return { token: `${signed}.${signature}`, expiresAt: new Date(expires * 1000) };
    },
    verify(token) {
      const payload = opened.open(token);
      if (payload === undefined || payload.iss !== ISSUER) return undefined;
      const seconds = now().getTime() / 1000;
      if (typeof payload.exp !== 'number' || payload.exp < seconds) return undefined;
      return userOf(payload, uidOf);
    },
  };
}

/** How many tokens are remembered. */
const OPENED_LIMIT = 1_000;

/**
 * Tokens whose signature has been checked, as the real server remembers them: it costs more than most requests. Expiry
 * and the account behind a token are looked at every time.
 */
class OpenedTokens {
  readonly #key: KeyObject;
  readonly #payloads = new Map<string, JsonObject>();

  constructor(key: KeyObject) {
    this.#key = key;
  }

  open(token: string): JsonObject | undefined {
    const known = this.#payloads.get(token);
    if (known !== undefined) return known;
    const payload = openToken(token, this.#key);
    if (payload === undefined) return undefined;
    if (this.#payloads.size >= OPENED_LIMIT) this.#payloads.clear();
    this.#payloads.set(token, payload);
    return payload;
  }
}

function userOf(payload: JsonObject, uidOf: ObjectLookup): User | undefined {
  const bound = payload['kubernetes.io'];
  if (!isJsonObject(bound) || typeof bound.namespace !== 'string') return undefined;
  const { namespace, serviceaccount, pod } = bound;
  if (!isJsonObject(serviceaccount)) return undefined;
  const { name, uid } = serviceaccount;
  if (typeof name !== 'string' || typeof uid !== 'string') return undefined;
  if (uidOf('serviceaccounts', namespace, name) !== uid) return undefined;
  if (isJsonObject(pod) && uidOf('pods', namespace, String(pod.name)) !== pod.uid) return undefined;
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

function encode(value: Json): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function signText(text: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

function openToken(token: string, key: KeyObject): JsonObject | undefined {
  const [header, payload, signature] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined) return undefined;
  const signed = Buffer.from(`${header}.${payload}`);
  const options = { key, dsaEncoding: 'ieee-p1363' } as const;
  try {
    if (!verify('sha256', signed, options, Buffer.from(signature, 'base64url'))) return undefined;
    const value: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    // Not one of ours: whoever sends it is simply not authenticated.
    return undefined;
  }
}
