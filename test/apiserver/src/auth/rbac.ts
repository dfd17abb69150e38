// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, arrayOf, at, isJsonObject, type Json, stringOf } from '../api/objects.ts';
import { resource } from '../resources/catalog.ts';
import type { Store } from '../store/store.ts';
import { ADMIN_GROUP, type User } from './user.ts';

/** What somebody wants to do. */
export type Action =
  | {
      readonly verb: string;
      readonly group: string;
      readonly plural: string;
      readonly subresource: string;
      /** '' for cluster-wide. */
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly verb: string; readonly path: string };

/** Decides whether a user may do something. */
export interface Authorizer {
  allows(user: User, action: Action): boolean;
}

/** Allows everything: for tests that are not about permissions. */
export const ALWAYS_ALLOW: Authorizer = { allows: () => true };

/** A policy rule with its lists as sets. */
interface Rule {
  readonly verbs: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly resources: ReadonlySet<string>;
  readonly names: ReadonlySet<string>;
  readonly paths: readonly string[];
}

/** The rules of one user: cluster-wide, and by namespace. */
interface Grants {
  readonly cluster: readonly Rule[];
  readonly namespaces: ReadonlyMap<string, readonly Rule[]>;
}

const GROUP = 'rbac.authorization.k8s.io';

/**
 * RBAC over the Roles and bindings in the store. What a user may do is worked out once and forgotten at the next
 * change of any of them.
 */
export function createRbacAuthorizer(store: Store): Authorizer {
  const collections = {
    roles: store.collection(resource(GROUP, 'roles').storage),
    clusterRoles: store.collection(resource(GROUP, 'clusterroles').storage),
    roleBindings: store.collection(resource(GROUP, 'rolebindings').storage),
    clusterRoleBindings: store.collection(resource(GROUP, 'clusterrolebindings').storage),
  };
  const known = new Map<string, Grants>();
  for (const collection of Object.values(collections)) collection.subscribe(() => known.clear());

  const rulesOf = (roleRef: Json | undefined, namespace: string): readonly Rule[] => {
    const name = stringOf(at(roleRef, 'name'));
    const role =
      at(roleRef, 'kind') === 'ClusterRole'
        ? collections.clusterRoles.get(name)
        : collections.roles.get(`${namespace}/${name}`);
    return role === undefined ? [] : arrayOf(role.object.rules).map(parseRule);
  };
  const grantsOf = (user: User): Grants => {
    const cluster = collections.clusterRoleBindings
      .list()
      .filter(({ object }) => binds(object, user, ''))
      .flatMap(({ object }) => rulesOf(object.roleRef, ''));
    const namespaces = new Map<string, Rule[]>();
    for (const { object } of collections.roleBindings.list()) {
      const namespace = object.metadata.namespace ?? '';
      if (!binds(object, user, namespace)) continue;
      const rules = namespaces.get(namespace) ?? [];
      rules.push(...rulesOf(object.roleRef, namespace));
      namespaces.set(namespace, rules);
    }
    return { cluster, namespaces };
  };

  return {
    allows(user, action) {
      if (user.groups.includes(ADMIN_GROUP)) return true;
      const key = JSON.stringify([user.name, user.groups]);
      const grants = known.get(key) ?? grantsOf(user);
      known.set(key, grants);
      if (grants.cluster.some((rule) => covers(rule, action))) return true;
      if (!('plural' in action)) return false;
      return (grants.namespaces.get(action.namespace) ?? []).some((rule) => covers(rule, action));
    },
  };
}

function binds(binding: ApiObject, user: User, namespace: string): boolean {
  return arrayOf(binding.subjects).some((subject) => {
    const name = stringOf(at(subject, 'name'));
    switch (at(subject, 'kind')) {
      case 'User':
        return name === user.name;
      case 'Group':
        return user.groups.includes(name);
      case 'ServiceAccount': {
        const own = stringOf(at(subject, 'namespace')) || namespace;
        return user.name === `system:serviceaccount:${own}:${name}`;
      }
      default:
        return false;
    }
  });
}

function parseRule(value: Json): Rule {
  const rule = isJsonObject(value) ? value : {};
  const set = (key: string) => new Set(arrayOf(rule[key]).map(stringOf));
  return {
    verbs: set('verbs'),
    groups: set('apiGroups'),
    resources: set('resources'),
    names: set('resourceNames'),
    paths: arrayOf(rule.nonResourceURLs).map(stringOf),
  };
}

function covers(rule: Rule, action: Action): boolean {
  if (!rule.verbs.has('*') && !rule.verbs.has(action.verb)) return false;
  if (!('plural' in action)) return rule.paths.some((pattern) => pathMatches(pattern, action.path));
  if (!rule.groups.has('*') && !rule.groups.has(action.group)) return false;
  if (rule.names.size > 0 && !rule.names.has(action.name)) return false;
  const { plural, subresource } = action;
  const full = subresource === '' ? plural : `${plural}/${subresource}`;
  return (
    rule.resources.has('*') ||
    rule.resources.has(full) ||
    (subresource !== '' && rule.resources.has(`*/${subresource}`))
  );
}

function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1));
}
