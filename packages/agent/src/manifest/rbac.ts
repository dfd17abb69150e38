// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { PROGRAM_NAME } from './names.ts';

/** What the rights are for. */
export interface RbacRequest {
  /** Of the ServiceAccount, and of the rights when they are for one namespace. */
  readonly namespace: string;
  /** `cluster`: in all namespaces. `namespace`: a Role. `bound`: a ClusterRole that is bound in one namespace. */
  readonly scope: 'cluster' | 'namespace' | 'bound';
  /** The agents write on Node objects who answers for what. */
  readonly labelsNodes: boolean;
  /** The key of a group of agents. */
  readonly groupKeySecret: string;
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const GROUP = 'rbac.authorization.k8s.io';
const CLUSTER_ROLE = 'system:kube-vip-role';
const KEY_ROLE = 'fairlead-group-key';
const NODES_ROLE = 'fairlead:nodes';
const WATCH = ['get', 'list', 'watch'];

/** The service account of the agents with what they need, and no more; names are the peer's. Pure. */
export function rbacManifests(request: RbacRequest): readonly KubeObject[] {
  const { namespace, scope, groupKeySecret } = request;
  const keyRules = [
    { apiGroups: [''], resources: ['secrets'], resourceNames: [groupKeySecret], verbs: ['get'] },
  ];
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: PROGRAM_NAME, namespace } },
    ...(scope === 'namespace'
      ? [role(PROGRAM_NAME, namespace, rulesOf(request))]
      : [object('ClusterRole', { name: CLUSTER_ROLE }, { rules: rulesOf(request) })]),
    binding(request),
    // Nodes are in no namespace, so what is bound in one cannot give them. Without, lost nodes are not known.
    ...(scope === 'cluster'
      ? []
      : [
          object('ClusterRole', { name: NODES_ROLE }, { rules: [nodesRule(request)] }),
          bound(
            'ClusterRoleBinding',
            { name: NODES_ROLE },
            { kind: 'ClusterRole', name: NODES_ROLE },
            namespace,
          ),
        ]),
    // The key of the group of agents, and no other Secret.
    role(KEY_ROLE, namespace, keyRules),
    bound('RoleBinding', { name: KEY_ROLE, namespace }, { kind: 'Role', name: KEY_ROLE }, namespace),
  ];
}

function rulesOf(request: RbacRequest): readonly Rule[] {
  return [
    { apiGroups: [''], resources: ['services'], verbs: [...WATCH, 'update'] },
    { apiGroups: [''], resources: ['services/status'], verbs: ['update'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ...(request.scope === 'cluster' ? [nodesRule(request)] : []),
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: [...WATCH, 'create', 'update'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
  ];
}

function nodesRule({ labelsNodes }: RbacRequest): Rule {
  return { apiGroups: [''], resources: ['nodes'], verbs: labelsNodes ? [...WATCH, 'patch'] : WATCH };
}

function binding({ scope, namespace }: RbacRequest): KubeObject {
  if (scope === 'cluster') {
    const metadata = { name: 'system:kube-vip-binding' };
    return bound('ClusterRoleBinding', metadata, { kind: 'ClusterRole', name: CLUSTER_ROLE }, namespace);
  }
  const target = scope === 'bound' ? CLUSTER_ROLE : PROGRAM_NAME;
  const kind = scope === 'bound' ? 'ClusterRole' : 'Role';
  return bound('RoleBinding', { name: PROGRAM_NAME, namespace }, { kind, name: target }, namespace);
}

function role(name: string, namespace: string, rules: readonly Rule[]): KubeObject {
  return object('Role', { name, namespace }, { rules });
}

function bound(
  kind: string,
  metadata: KubeObject['metadata'],
  target: { readonly kind: string; readonly name: string },
  namespace: string,
): KubeObject {
  const subjects = [{ kind: 'ServiceAccount', name: PROGRAM_NAME, namespace }];
  return object(kind, metadata, { roleRef: { apiGroup: GROUP, ...target }, subjects });
}

function object(kind: string, metadata: KubeObject['metadata'], rest: object): KubeObject {
  return { apiVersion: `${GROUP}/v1`, kind, ...(metadata === undefined ? {} : { metadata }), ...rest };
}
