// SPDX-License-Identifier: Apache-2.0
import type { ApiObject, JsonObject } from '../api/objects.ts';

const API_VERSION = 'rbac.authorization.k8s.io/v1';
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const ANNOTATIONS = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };

const PUBLIC_PATHS = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
const DISCOVERY_PATHS = [
  ...['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez'],
  ...['/openapi', '/openapi/*', '/readyz', '/version', '/version/'],
];

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

/** Resources the user-facing roles speak about, by group. */
const CORE_NAMESPACED = [
  ...[
    'configmaps',
    'endpoints',
    'events',
    'pods',
    'pods/status',
    'serviceaccounts',
    'services',
    'services/status',
  ],
];
const APPS = ['daemonsets', 'deployments', 'deployments/scale', 'replicasets', 'replicasets/scale'];

function clusterRole(name: string, rules: readonly JsonObject[]): ApiObject {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRole',
    metadata: { name, labels: LABELS, annotations: ANNOTATIONS },
    rules,
  };
}

function clusterRoleBinding(name: string, ...groups: readonly string[]): ApiObject {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRoleBinding',
    metadata: { name, labels: LABELS, annotations: ANNOTATIONS },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: groups.map((group) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group })),
  };
}

const VIEW_RULES: readonly JsonObject[] = [
  { apiGroups: [''], resources: [...CORE_NAMESPACED, 'namespaces'], verbs: READ },
  { apiGroups: ['apps'], resources: APPS, verbs: READ },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
];
const EDIT_RULES: readonly JsonObject[] = [
  ...VIEW_RULES,
  { apiGroups: [''], resources: ['secrets'], verbs: [...READ, ...WRITE] },
  { apiGroups: [''], resources: ['configmaps', 'pods', 'serviceaccounts', 'services'], verbs: WRITE },
  { apiGroups: [''], resources: ['serviceaccounts/token', 'pods/eviction'], verbs: ['create'] },
  { apiGroups: ['apps'], resources: APPS, verbs: WRITE },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: [...READ, ...WRITE] },
];

/** The ClusterRoles that every cluster starts with, as far as this server's resources go. */
export const BOOTSTRAP_ROLES: readonly ApiObject[] = [
  clusterRole('cluster-admin', [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ]),
  clusterRole('system:discovery', [{ nonResourceURLs: DISCOVERY_PATHS, verbs: ['get'] }]),
  clusterRole('system:public-info-viewer', [{ nonResourceURLs: PUBLIC_PATHS, verbs: ['get'] }]),
  clusterRole('system:basic-user', [
    {
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
      verbs: ['create'],
    },
    { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
  ]),
  clusterRole('view', VIEW_RULES),
  clusterRole('edit', EDIT_RULES),
  clusterRole('admin', [
    ...EDIT_RULES,
    {
      apiGroups: ['rbac.authorization.k8s.io'],
      resources: ['rolebindings', 'roles'],
      verbs: [...READ, ...WRITE],
    },
  ]),
];

/** The ClusterRoleBindings that every cluster starts with. */
export const BOOTSTRAP_BINDINGS: readonly ApiObject[] = [
  clusterRoleBinding('cluster-admin', 'system:masters'),
  clusterRoleBinding('system:discovery', 'system:authenticated'),
  clusterRoleBinding('system:public-info-viewer', 'system:authenticated', 'system:unauthenticated'),
  clusterRoleBinding('system:basic-user', 'system:authenticated'),
];
