// SPDX-License-Identifier: Apache-2.0

/** Who makes a request. */
export interface User {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** The group that RBAC does not apply to. */
export const ADMIN_GROUP = 'system:masters';

/** Who a request without credentials is; may see health and version only. */
export const ANONYMOUS: User = { name: 'system:anonymous', uid: '', groups: ['system:unauthenticated'] };

/** A user known by a bearer token. */
export interface TokenUser extends User {
  readonly token: string;
}

/**
 * Reads kube-apiserver's `--token-auth-file`: CSV lines of token, user name, uid and optional quoted list of groups.
 * Throws with the line number for a line it cannot read.
 */
export function parseTokenFile(text: string): TokenUser[] {
  const users: TokenUser[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const fields = [...line.matchAll(/\s*(?:"([^"]*)"|([^,]*))\s*(?:,|$)/g)].map(
      (match) => match[1] ?? match[2] ?? '',
    );
    const [token = '', name = '', uid = '', groups = ''] = fields;
    if (token === '' || name === '' || uid === '') {
      throw new Error(
        `token file line ${index + 1}: expected token,user,uid,"group1,group2", got ${fields.length} fields`,
      );
    }
    users.push({ token, name, uid, groups: groups.split(',').filter((group) => group !== '') });
  }
  return users;
}
