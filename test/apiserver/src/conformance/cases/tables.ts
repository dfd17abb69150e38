// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../api/objects.ts';
import type { ConformanceCase, Step } from '../case.ts';
import { create, list, patch, service, testCase } from './steps.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

/** The table of a collection without its objects. */
function table(plural: string, query = ''): Step {
  return list(plural, `?includeObject=None${query}`, TABLE);
}

const pod = (name: string): JsonObject => ({
  metadata: { name },
  spec: {
    nodeName: 'n',
    containers: [
      { name: 'a', image: 'i' },
      { name: 'b', image: 'i' },
    ],
    initContainers: [{ name: 'i', image: 'i' }],
    readinessGates: [{ conditionType: 'example.com/gate' }],
  },
});
const podStatus = (name: string, status: JsonObject): Step =>
  patch('pods', `${name}/status`, 'merge', { status });
const container = (name: string, extra: JsonObject): JsonObject => ({
  name,
  image: 'i',
  imageID: '',
  ready: false,
  restartCount: 0,
  ...extra,
});
const RUNNING: JsonObject = { ready: true, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } };

const labels = { a: 'b' };
const template = {
  metadata: { labels },
  spec: {
    containers: [
      { name: 'c', image: 'i:1' },
      { name: 'd', image: 'j' },
    ],
  },
};
const selector = { matchLabels: labels, matchExpressions: [{ key: 'z', operator: 'DoesNotExist' }] };

/** What `kubectl get` shows. */
export const TABLE_CASES: readonly ConformanceCase[] = [
  testCase(
    'table-services',
    create('services', service('plain', { selector: { b: '2', a: '1' } })),
    create('services', service('headless', { clusterIP: 'None' })),
    create('services', service('external', { type: 'ExternalName', externalName: 'example.com', ports: [] })),
    create('services', service('pending', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false })),
    create(
      'services',
      service('balanced', {
        type: 'LoadBalancer',
        allocateLoadBalancerNodePorts: false,
        externalIPs: ['192.0.2.1'],
      }),
    ),
    patch('services', 'balanced/status', 'merge', {
      status: {
        loadBalancer: {
          ingress: [{ ip: '172.18.0.201' }, { hostname: 'example.com' }, { ip: '172.18.0.200' }],
        },
      },
    }),
    create(
      'services',
      service('ported', {
        type: 'NodePort',
        ports: [
          { name: 'a', port: 80, nodePort: 30080 },
          { name: 'b', port: 53, nodePort: 30053, protocol: 'UDP' },
        ],
      }),
    ),
    table('services'),
    list('services', '?fieldSelector=metadata.name%3Dplain', TABLE),
  ),
  testCase(
    'table-pods',
    ...['fresh', 'init', 'init-failed', 'running', 'crashing', 'done', 'half-done'].map((name) =>
      create('pods', pod(name)),
    ),
    podStatus('init', {
      phase: 'Pending',
      initContainerStatuses: [container('i', { state: { waiting: { reason: 'PodInitializing' } } })],
    }),
    podStatus('init-failed', {
      phase: 'Pending',
      initContainerStatuses: [
        container('i', { restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } } }),
      ],
    }),
    podStatus('running', {
      phase: 'Running',
      podIP: '10.244.1.5',
      podIPs: [{ ip: '10.244.1.5' }],
      conditions: [
        { type: 'Initialized', status: 'True' },
        { type: 'example.com/gate', status: 'True' },
      ],
      containerStatuses: [container('a', RUNNING), container('b', RUNNING)],
    }),
    podStatus('crashing', {
      phase: 'Running',
      containerStatuses: [
        container('a', RUNNING),
        container('b', { restartCount: 2, state: { terminated: { exitCode: 7 } } }),
      ],
    }),
    podStatus('done', {
      phase: 'Succeeded',
      containerStatuses: [
        container('a', { state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
        container('b', { state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
      ],
    }),
    podStatus('half-done', {
      phase: 'Running',
      containerStatuses: [
        container('a', RUNNING),
        container('b', { state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
      ],
    }),
    table('pods'),
    { method: 'DELETE', path: '/api/v1/namespaces/{ns}/pods/running' },
    table('pods', '&fieldSelector=metadata.name%3Drunning'),
  ),
  testCase(
    'table-nodes',
    create('nodes', {
      metadata: {
        name: 'table-node',
        labels: {
          'node-role.kubernetes.io/control-plane': '',
          'node-role.kubernetes.io/etcd': '',
          'kubernetes.io/role': 'x',
        },
      },
      spec: { unschedulable: true },
    }),
    patch('nodes', 'table-node/status', 'merge', {
      status: {
        conditions: [{ type: 'Ready', status: 'False' }],
        addresses: [
          { type: 'InternalIP', address: '172.18.0.2' },
          { type: 'ExternalIP', address: '192.0.2.2' },
        ],
        nodeInfo: {
          kubeletVersion: 'v1.36.3',
          osImage: 'Debian',
          kernelVersion: '6.1',
          architecture: 'amd64',
          containerRuntimeVersion: 'containerd://2',
        },
      },
    }),
    table('nodes', '&fieldSelector=metadata.name%3Dtable-node'),
  ),
  testCase(
    'table-workloads',
    create('deployments', { metadata: { name: 'd' }, spec: { replicas: 3, selector, template } }),
    patch('deployments', 'd/status', 'merge', {
      status: { replicas: 3, readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
    }),
    table('deployments'),
    create('replicasets', { metadata: { name: 'r' }, spec: { replicas: 2, selector, template } }),
    patch('replicasets', 'r/status', 'merge', { status: { replicas: 2, readyReplicas: 1 } }),
    table('replicasets'),
    create('daemonsets', {
      metadata: { name: 's' },
      spec: { selector, template: { ...template, spec: { ...template.spec, nodeSelector: { k: 'v' } } } },
    }),
    patch('daemonsets', 's/status', 'merge', {
      status: {
        currentNumberScheduled: 1,
        numberMisscheduled: 0,
        desiredNumberScheduled: 3,
        numberReady: 1,
        updatedNumberScheduled: 2,
        numberAvailable: 1,
      },
    }),
    table('daemonsets'),
  ),
  testCase(
    'table-endpoints',
    create('endpoints', {
      metadata: { name: 'e' },
      subsets: [
        {
          addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }],
          ports: [
            { name: 'a', port: 80 },
            { name: 'b', port: 81 },
          ],
        },
      ],
    }),
    create('endpoints', { metadata: { name: 'f' } }),
    table('endpoints'),
    create('endpointslices', {
      metadata: { name: 'e' },
      addressType: 'IPv4',
      ports: [{ port: 80 }],
      endpoints: ['1', '2', '3', '4'].map((last) => ({ addresses: [`10.0.0.${last}`] })),
    }),
    create('endpointslices', { metadata: { name: 'f' }, addressType: 'IPv6' }),
    create('endpointslices', {
      metadata: { name: 'g' },
      addressType: 'IPv4',

      ports: [{ name: 'any' }],
    }),
    table('endpointslices'),
  ),
  testCase(
    'table-others',
    create('configmaps', { metadata: { name: 'c' }, data: { a: 'b' }, binaryData: { c: 'eA==' } }),
    table('configmaps', '&fieldSelector=metadata.name%3Dc'),
    create('secrets', { metadata: { name: 's' }, type: 'x', data: { a: 'eA==' } }),
    table('secrets'),
    create('leases', { metadata: { name: 'l' }, spec: { holderIdentity: 'me', leaseDurationSeconds: 5 } }),
    create('leases', { metadata: { name: 'm' } }),
    table('leases'),
    table('serviceaccounts'),
    table('namespaces', '&fieldSelector=metadata.name%3Ddefault'),
    table('clusterrolebindings', '&fieldSelector=metadata.name%3Dcluster-admin'),
    create('roles', { metadata: { name: 'r' } }),
    create('rolebindings', {
      metadata: { name: 'r' },
      roleRef: { kind: 'Role', name: 'r', apiGroup: 'rbac.authorization.k8s.io' },
      subjects: [
        { kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' },
        { kind: 'Group', name: 'g', apiGroup: 'rbac.authorization.k8s.io' },
        { kind: 'ServiceAccount', name: 's', namespace: 'n' },
        { kind: 'ServiceAccount', name: 't', namespace: 'n' },
      ],
    }),
    table('rolebindings'),
  ),
  testCase(
    'table-events',
    create('events', {
      metadata: { name: 'e', namespace: '{ns}' },
      involvedObject: { kind: 'Service', name: 's', namespace: '{ns}', fieldPath: 'spec' },
      reason: 'R',
      message: ' m ',
      type: 'Warning',
      source: { component: 'c', host: 'h' },
      count: 2,
    }),
    create('events', {
      metadata: { name: 'f', namespace: '{ns}' },
      involvedObject: { kind: 'Node', namespace: '{ns}' },
      reason: 'Q',
      message: 'n',
      type: 'Normal',
      reportingComponent: 'k',
      reportingInstance: 'i',
    }),
    table('events'),
  ),
];
