// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import type { CommandSettings } from '../commands/settings.ts';
import { ACCOUNT, NAMESPACE } from './names.ts';

const GROUP = 'rbac.authorization.k8s.io';
const CLUSTER_ROLE = 'system:kube-vip-cloud-controller-role';
const LISTS_ROLE = 'fairlead:service-configmaps';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** The service account and what the daemon needs with these settings, and no more. Pure. */
export function rbacOf(settings: CommandSettings): readonly KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT, namespace: NAMESPACE } },
    ...clusterWide(CLUSTER_ROLE, 'system:kube-vip-cloud-controller-binding', [
      // Services of all namespaces: who holds which address is known before the first one is given.
      rule('', ['services'], ['get', 'list', 'watch', 'update']),
      rule('', ['services/status'], ['update']),
      rule('', ['events'], ['create', 'patch']),
    ]),
    ...[...namespacedRules(settings)].flatMap(([namespace, rules]) => inNamespace(namespace, rules)),
    ...(settings.writeServiceConfigMaps === true
      ? clusterWide(LISTS_ROLE, LISTS_ROLE, [
          rule('', ['configmaps'], ['get', 'list', 'watch', 'update'], ['plndr']),
          // Creation cannot be restricted by name.
          rule('', ['configmaps'], ['create']),
        ])
      : []),
  ];
}

/** The pools, and the Lease of the election, by namespace. */
function namespacedRules({ configMap, election }: CommandSettings): ReadonlyMap<string, readonly Rule[]> {
  const { namespace, name, legacyName } = configMap;
  const names = legacyName === undefined ? [name] : [name, legacyName];
  const rules = new Map([[namespace, [rule('', ['configmaps'], ['get', 'list', 'watch'], names)]]]);
  if (election !== undefined) {
    const leases = [
      rule('coordination.k8s.io', ['leases'], ['create']),
      rule('coordination.k8s.io', ['leases'], ['get', 'update'], [election.leaseName]),
    ];
    rules.set(election.namespace, [...(rules.get(election.namespace) ?? []), ...leases]);
  }
  return rules;
}

function rule(
  group: string,
  resources: readonly string[],
  verbs: readonly string[],
  resourceNames?: readonly string[],
): Rule {
  return { apiGroups: [group], resources, ...(resourceNames === undefined ? {} : { resourceNames }), verbs };
}

function clusterWide(name: string, bindingName: string, rules: readonly Rule[]): readonly KubeObject[] {
  return [
    object('ClusterRole', { name }, { rules }),
    object('ClusterRoleBinding', { name: bindingName }, boundTo('ClusterRole', name)),
  ];
}

function inNamespace(namespace: string, rules: readonly Rule[]): readonly KubeObject[] {
  const metadata = { name: ACCOUNT, namespace };
  return [object('Role', metadata, { rules }), object('RoleBinding', metadata, boundTo('Role', ACCOUNT))];
}

function boundTo(kind: string, name: string): object {
  const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE }];
  return { roleRef: { apiGroup: GROUP, kind, name }, subjects };
}

function object(
  kind: string,
  metadata: { readonly name: string; readonly namespace?: string },
  rest: object,
) {
  return { apiVersion: `${GROUP}/v1`, kind, metadata, ...rest };
}
