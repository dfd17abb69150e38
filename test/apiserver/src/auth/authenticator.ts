// SPDX-License-Identifier: Apache-2.0
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import type { TokenUser, User } from './user.ts';

/** Turns an Authorization header into a user. */
export interface Authenticator {
  /** `undefined`: no credentials; `'invalid'`: credentials that nobody has. */
  authenticate(authorization: string | undefined): User | undefined | 'invalid';
  /** The user behind a bare token, for TokenReview. */
  userOfToken(token: string, audiences?: readonly string[]): User | undefined;
}

/** Static tokens first, then service-account tokens. */
export function createAuthenticator(
  tokens: readonly TokenUser[],
  serviceAccounts: ServiceAccountTokens,
): Authenticator {
  const users = new Map<string, User>();
  for (const { token, name, uid, groups } of tokens) {
    users.set(token, { name, uid, groups: [...groups, 'system:authenticated'] });
  }
  const userOfToken = (token: string): User | undefined => users.get(token) ?? serviceAccounts.verify(token);
  return {
    userOfToken,
    authenticate(authorization) {
      if (authorization === undefined || authorization === '') return undefined;
      const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
      if (token === undefined) return 'invalid';
      return userOfToken(token) ?? 'invalid';
    },
  };
}
