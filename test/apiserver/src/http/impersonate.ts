// SPDX-License-Identifier: Apache-2.0
import type { IncomingHttpHeaders } from 'node:http';
import { forbidden } from '../api/status.ts';
import type { Authorizer } from '../auth/rbac.ts';
import type { User } from '../auth/user.ts';

/** The user a request is made for: `kubectl --as` and `--as-group`, for those who may `impersonate`. Throws 403. */
export function impersonate(authorizer: Authorizer, user: User, headers: IncomingHttpHeaders): User {
  const name = headers['impersonate-user'];
  if (typeof name !== 'string' || name === '') return user;
  const asked = headers['impersonate-group'];
  // Node joins repeated headers of this name with commas.
  const groups = typeof asked === 'string' ? asked.split(', ') : (asked ?? []);
  requireImpersonation(authorizer, user, 'users', name);
  for (const group of groups) requireImpersonation(authorizer, user, 'groups', group);
  return { name, uid: '', groups: [...new Set([...defaultGroups(name, groups), 'system:authenticated'])] };
}

function defaultGroups(name: string, groups: readonly string[]): readonly string[] {
  const account = /^system:serviceaccount:([^:]+):[^:]+$/.exec(name);
  if (groups.length > 0 || account === null) return groups;
  return ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`];
}

function requireImpersonation(authorizer: Authorizer, user: User, plural: string, name: string): void {
  const action = { verb: 'impersonate', group: '', plural, subresource: '', namespace: '', name };
  if (authorizer.allows(user, action)) return;
  const why = `User ${JSON.stringify(user.name)} cannot impersonate resource "${plural}" in API group "" at the cluster scope`;
  throw forbidden({ group: '', plural }, name, why);
}
