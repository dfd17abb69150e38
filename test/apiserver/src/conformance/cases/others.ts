// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../api/objects.ts';
import type { ConformanceCase } from '../case.ts';
import { create, get, patch, remove, replace, testCase } from './steps.ts';

const slice = (body: JsonObject): JsonObject => ({ metadata: { name: 'x' }, ...body });
const named = (body: JsonObject): JsonObject => ({ metadata: { name: 'x' }, ...body });

/** Every other kind. */
export const OTHER_CASES: readonly ConformanceCase[] = [
  testCase(
    'config-map',
    create(
      'configmaps',
      named({ data: { 'range-global': '1', 'a/b': '2', '..c': '3', '.': '4', 'd e': '5' } }),
    ),
    create('configmaps', named({ data: { a: '1' }, binaryData: { a: 'eA==' } })),
    create('configmaps', named({ data: { a: '1' }, immutable: true })),
    patch('configmaps', 'x', 'merge', { data: { a: '2' } }),
    patch('configmaps', 'x', 'merge', { immutable: false }),
    patch('configmaps', 'x', 'merge', { metadata: { labels: { a: 'b' } } }),
  ),
  testCase(
    'secret-types',
    create('secrets', named({ type: 'kubernetes.io/tls', data: { 'tls.crt': '' } })),
    create('secrets', { metadata: { name: 'y' }, type: 'kubernetes.io/service-account-token' }),
  ),
  testCase('config-map-too-large', create('configmaps', named({ data: { a: 'b'.repeat(1_048_577) } }))),
  testCase(
    'secret',
    create('secrets', named({ data: { a: 'eA==' }, stringData: { b: 'y', a: 'z' } })),
    patch('secrets', 'x', 'merge', { type: 'other' }),
    patch('secrets', 'x', 'merge', { data: { 'a/b': 'eA==' } }),
    patch('secrets', 'x', 'merge', { stringData: { c: 'd' }, immutable: true }),
    patch('secrets', 'x', 'merge', { data: { c: 'eA==' } }),
    create('secrets', { metadata: { name: 'y' }, data: { a: '?' } }),
  ),
  testCase(
    'lease',
    create('leases', named({ spec: { leaseDurationSeconds: 0 } })),
    create('leases', named({ spec: { leaseTransitions: -1, holderIdentity: '' } })),
    create(
      'leases',
      named({
        spec: {
          holderIdentity: 'a',
          leaseDurationSeconds: 5,
          acquireTime: '2026-01-01T00:00:00.000000Z',
          renewTime: '2026-01-01T00:00:00.000000Z',
          leaseTransitions: 0,
        },
      }),
    ),
    replace('leases', 'x', (live) => ({
      ...live,
      spec: { ...(live.spec as JsonObject), holderIdentity: 'b', leaseTransitions: 1 },
    })),
    replace('leases', 'x', () => named({ spec: { holderIdentity: 'c' } })),
    replace('leases', 'y', () => ({ metadata: { name: 'y' }, spec: { holderIdentity: 'c' } })),
    patch('leases', 'x', 'strategic', { spec: { holderIdentity: 'd' } }),
  ),
  testCase(
    'endpoint-slice',
    create(
      'endpointslices',
      slice({
        addressType: 'IPv4',
        endpoints: [
          {
            addresses: ['10.0.0.1'],
            conditions: { ready: true },
            nodeName: 'worker1',
            targetRef: { kind: 'Pod', name: 'p' },
          },
        ],
        ports: [{ port: 80 }],
      }),
    ),
    replace('endpointslices', 'x', (live) => ({
      ...live,
      endpoints: [{ addresses: ['10.0.0.2'], conditions: { ready: false } }],
    })),
    patch('endpointslices', 'x', 'merge', { metadata: { labels: { a: 'b' } } }),
    patch('endpointslices', 'x', 'merge', { addressType: 'IPv6' }),
    patch('endpointslices', 'x', 'merge', { metadata: { annotations: { a: 'b' } } }),
  ),
  testCase(
    'endpoint-slice-wrong',
    create(
      'endpointslices',
      slice({
        addressType: 'IPvX',
        endpoints: [{ addresses: ['10.0.0.1'] }, {}],
        ports: [{ port: 0, protocol: 'X' }, { name: 'A' }, {}],
      }),
    ),
    create(
      'endpointslices',
      slice({
        addressType: 'IPv4',
        endpoints: [
          { addresses: ['banana'] },
          {},
          { addresses: ['127.0.0.1', 'fd00::1'], nodeName: 'A_', hostname: '-' },
        ],
        ports: [{ port: 80 }, {}],
      }),
    ),
    create('endpointslices', slice({ endpoints: [], ports: [] })),
    create('endpointslices', slice({ addressType: 'IPv4' })),
  ),
  testCase(
    'endpoint-slice-too-many',
    create(
      'endpointslices',
      slice({
        addressType: 'IPv4',
        endpoints: Array.from({ length: 1001 }, (_, index) => ({
          addresses: [`10.1.${index >> 8}.${index & 255}`],
        })),
      }),
    ),
  ),
  testCase(
    'endpoints',
    create('endpoints', named({ subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] })),
  ),
  testCase(
    'event',
    create(
      'events',
      named({
        involvedObject: { kind: 'Service', namespace: '{ns}', name: 'web' },
        reason: 'Pooled',
        message: 'm',
        type: 'Normal',
        source: { component: 'c' },
        firstTimestamp: '2026-01-01T00:00:00Z',
        lastTimestamp: '2026-01-01T00:00:00Z',
        count: 1,
      }),
    ),
    patch('events', 'x', 'strategic', { count: 2, lastTimestamp: '2026-01-01T00:00:05Z' }),
    create('events', {
      metadata: { name: 'y' },
      involvedObject: { kind: 'Service', namespace: 'elsewhere', name: 'web' },
    }),
    create('events', { metadata: { name: 'y' }, involvedObject: { kind: 'Node', name: 'web' } }),
    { method: 'GET', path: '/apis/events.k8s.io/v1/namespaces/{ns}/events/x' },
  ),
  testCase(
    'node',
    create('nodes', {
      metadata: { name: 'conformance-node' },
      status: { capacity: { cpu: '2', memory: '4Gi', pods: '110' } },
    }),
    create('nodes', {
      metadata: { name: 'conformance-tainted' },
      spec: {
        taints: [
          { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' },
          { key: 'a', effect: 'X' },
          { key: 'b b' },
        ],
      },
    }),
    patch('nodes', 'conformance-node', 'strategic', {
      spec: { taints: [{ key: 'a.b/c', effect: 'NoExecute' }], unschedulable: true },
    }),
    patch('nodes', 'conformance-node', 'strategic', {
      spec: { taints: [{ $patch: 'delete', key: 'node.kubernetes.io/not-ready' }] },
    }),
    patch('nodes', 'conformance-node/status', 'strategic', {
      status: {
        conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: '2026-01-01T00:00:00Z' }],
        addresses: [
          { type: 'InternalIP', address: '172.18.0.2' },
          { type: 'Hostname', address: 'x' },
        ],
      },
    }),
    patch('nodes', 'conformance-node/status', 'strategic', {
      status: { conditions: [{ type: 'Ready', status: 'Unknown' }] },
    }),
    get('nodes', 'conformance-node'),
    remove('nodes', 'conformance-node'),
  ),
  testCase(
    'node-cidrs',
    create('nodes', {
      metadata: { name: 'conformance-cidr' },
      spec: { podCIDR: '10.244.1.0/24' },
      status: { capacity: { memory: '1024Mi', cpu: '0.5', pods: 110 } },
    }),
    patch('nodes', 'conformance-cidr', 'strategic', {
      spec: { podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'] },
    }),
    patch('nodes', 'conformance-cidr', 'strategic', { spec: { podCIDR: '10.244.2.0/24' } }),
    create('nodes', { metadata: { name: 'conformance-quantity' }, status: { capacity: { memory: 'lots' } } }),
    remove('nodes', 'conformance-cidr'),
  ),
  testCase(
    'namespace',
    create('namespaces', { metadata: { name: 'conformance-extra', labels: { a: 'b' } } }),
    patch('namespaces', 'conformance-extra', 'merge', { metadata: { labels: null } }),
    patch('namespaces', 'conformance-extra', 'merge', { spec: { finalizers: [] } }),
    remove('namespaces', 'conformance-extra'),
    remove('namespaces', 'conformance-extra'),
    {
      method: 'POST',
      path: '/api/v1/namespaces/conformance-extra/configmaps',
      body: { metadata: { name: 'x' } },
    },
    {
      method: 'POST',
      path: '/api/v1/namespaces/conformance-missing/configmaps',
      body: { metadata: { name: 'x' } },
    },
    remove('namespaces', 'default'),
  ),
  testCase(
    'roles',
    create('roles', named({ rules: [{ apiGroups: [''], resources: ['services'], verbs: ['get'] }] })),
    create('roles', {
      metadata: { name: 'y' },
      rules: [
        { apiGroups: [''], resources: ['services'] },
        { verbs: ['get'] },
        { nonResourceURLs: ['/x'], verbs: ['get'] },
      ],
    }),
    create('clusterroles', {
      metadata: { name: 'conformance-role' },
      rules: [{ nonResourceURLs: ['/x'], verbs: ['get'] }],
    }),
    create(
      'rolebindings',
      named({
        roleRef: { kind: 'Role', name: 'x' },
        subjects: [
          { kind: 'User', name: 'u' },
          { kind: 'ServiceAccount', name: 's', namespace: '{ns}' },
        ],
      }),
    ),
    patch('rolebindings', 'x', 'merge', { roleRef: { name: 'other' } }),
    create('rolebindings', {
      metadata: { name: 'y' },
      roleRef: { kind: 'Thing', name: '' },
      subjects: [
        { kind: 'Cat', name: '' },
        { kind: 'ServiceAccount', name: 's' },
      ],
    }),
    create('clusterrolebindings', {
      metadata: { name: 'conformance-binding' },
      roleRef: { kind: 'Role', name: 'x' },
    }),
  ),
];
