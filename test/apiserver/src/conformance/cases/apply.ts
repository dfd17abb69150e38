// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../api/objects.ts';
import type { ConformanceCase } from '../case.ts';
import {
  applyService,
  collection,
  create,
  get,
  patch,
  replace,
  service,
  testCase,
  withSpecOf,
} from './steps.ts';

const ports = (...numbers: readonly number[]): JsonObject => ({
  ports: numbers.map((port) => ({ name: `p${port}`, port })),
});

const DEPLOYMENT: JsonObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [
          { name: 'echo', image: 'echo:1', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }] },
        ],
      },
    },
  },
};

const applyDeployment = (query: string, body: JsonObject) => ({
  method: 'PATCH' as const,
  path: `${collection('deployments')}/web?${query}`,
  style: 'apply' as const,
  body: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, ...body },
});

/** Server-side apply and the bookkeeping of who set what. */
export const APPLY_CASES: readonly ConformanceCase[] = [
  testCase(
    'apply-creates-and-changes-nothing',
    applyService('web', 'fieldManager=one', {
      metadata: { labels: { a: '1' } },
      spec: { selector: { app: 'web' }, ...ports(80) },
    }),
    applyService('web', 'fieldManager=one', {
      metadata: { labels: { a: '1' } },
      spec: { selector: { app: 'web' }, ...ports(80) },
    }),
  ),
  testCase(
    'apply-removes-what-is-no-longer-applied',
    applyService('web', 'fieldManager=one', {
      metadata: { labels: { a: '1', b: '2' }, annotations: { x: 'y' } },
      spec: ports(80, 81, 82),
    }),
    applyService('web', 'fieldManager=one', { metadata: { labels: { b: '2' } }, spec: ports(82, 80) }),
    applyService('web', 'fieldManager=one', { spec: ports(90) }),
  ),
  testCase(
    'apply-two-managers-share',
    applyService('web', 'fieldManager=one', { metadata: { labels: { a: '1' } }, spec: ports(80) }),
    applyService('web', 'fieldManager=two', {
      metadata: { labels: { a: '1', b: '2' } },
      spec: ports(80, 81),
    }),
    applyService('web', 'fieldManager=one', { spec: ports(90) }),
    applyService('web', 'fieldManager=two', { spec: ports(81) }),
  ),
  testCase(
    'apply-conflict-with-applier',
    applyService('web', 'fieldManager=one', {
      metadata: { labels: { a: '1' } },
      spec: { type: 'NodePort', ports: [{ name: 'x', port: 80, targetPort: 1, nodePort: 30_060 }] },
    }),
    applyService('web', 'fieldManager=two', { metadata: { labels: { a: '2' } } }),
    applyService('web', 'fieldManager=two', {
      metadata: { labels: { a: '2' } },
      spec: { type: 'ClusterIP', ports: [{ name: 'x', port: 80, targetPort: 2 }] },
    }),
    applyService('web', 'fieldManager=two&force=true', { metadata: { labels: { a: '2' } } }),
    applyService('web', 'fieldManager=one', { metadata: { labels: { a: '1' } }, spec: ports(80) }),
  ),
  testCase(
    'apply-conflict-with-updater',
    create(
      'services',
      service('web', { type: 'LoadBalancer', ports: [{ port: 80 }] }, { labels: { a: '1' } }),
    ),
    applyService('web', 'fieldManager=one', {
      metadata: { labels: { a: '2' } },
      spec: {
        type: 'NodePort',
        ports: [
          { port: 80, targetPort: 8080 },
          { port: 81, name: 'x' },
        ],
      },
    }),
    applyService('web', 'fieldManager=one&force=true', {
      metadata: { labels: { a: '2' } },
      spec: {
        type: 'NodePort',
        ports: [
          { port: 80, name: 'y', targetPort: 8080, nodePort: 30_061 },
          { port: 81, name: 'x', nodePort: 30_062 },
        ],
      },
    }),
  ),
  testCase(
    'apply-conflict-with-status',
    create('services', service('web', { type: 'LoadBalancer' })),
    patch('services', 'web/status?fieldManager=cloud', 'merge', {
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
      metadata: { labels: { s: '1' } },
    }),
    applyService('web/status', 'fieldManager=one', {
      metadata: { name: 'web', labels: { s: '2' } },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } },
    }),
    applyService('web/status', 'fieldManager=one&force=true', {
      metadata: { name: 'web', labels: { s: '2' } },
      spec: { type: 'ClusterIP' },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } },
    }),
    applyService('web', 'fieldManager=one&force=true', {
      spec: ports(80),
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.3' }] } },
    }),
  ),
  testCase(
    'apply-key-defaults',
    applyService('web', 'fieldManager=one', {
      spec: {
        ports: [
          { name: 'a', port: 53 },
          { name: 'b', port: 53, protocol: 'UDP' },
        ],
      },
    }),
    applyService('web', 'fieldManager=one', {
      spec: {
        ports: [
          { name: 'b', port: 53, protocol: 'UDP' },
          { name: 'a', port: 53, protocol: 'TCP' },
        ],
      },
    }),
    applyService('web', 'fieldManager=one', { spec: { ports: [{ name: 'b', port: 53, protocol: 'UDP' }] } }),
  ),
  testCase(
    'apply-order-of-lists',
    applyService('web', 'fieldManager=one', {
      metadata: { finalizers: ['a.b/one', 'a.b/two'] },
      spec: ports(80, 81, 82),
    }),
    applyService('web', 'fieldManager=two', {
      metadata: { finalizers: ['a.b/three', 'a.b/one'] },
      spec: ports(83, 81, 84),
    }),
    applyService('web', 'fieldManager=one', {
      metadata: { finalizers: ['a.b/two', 'a.b/one'] },
      spec: ports(82, 85, 80),
    }),
  ),
  testCase(
    'apply-wrong-bodies',
    applyService('web', 'fieldManager=one', { spec: ports(80) }),
    applyService('web', '', { spec: ports(80) }),
    applyService('web', 'fieldManager=one', { spec: { zoo: 1 } }),
    applyService('web', 'fieldManager=one', { metadata: { managedFields: [{ manager: 'x' }] } }),
    applyService('web', 'fieldManager=one', { metadata: { name: 'other' } }),
    applyService('web', 'fieldManager=one', { apiVersion: 'v2' }),
    applyService('web', 'fieldManager=one', { kind: 'Pod' }),
    applyService('web', 'fieldManager=one', {
      spec: { ports: [{ port: 80 }, { port: 80, protocol: 'TCP' }] },
    }),
    applyService('web', 'fieldManager=one', { spec: { ports: [{ name: 'x' }] } }),
    applyService('web', 'fieldManager=one', { spec: { ports: 'x' } }),
    applyService('web', 'fieldManager=one', { spec: { type: 7 } }),
    applyService('web', 'fieldManager=one', { metadata: { resourceVersion: '1' }, spec: ports(81) }),
    applyService('web', 'fieldManager=one', { metadata: { uid: 'x' }, spec: ports(81) }),
    applyService('web', 'fieldManager=one', { spec: ports(0) }),
  ),
  testCase(
    'apply-before-first-apply',
    create('services', service('web', {}, { labels: { a: '1' } })),
    patch('services', 'web', 'merge', { metadata: { managedFields: [{}] } }),
    applyService('web', 'fieldManager=one', { metadata: { labels: { a: '2' } } }),
    applyService('web', 'fieldManager=one&force=true', { metadata: { labels: { a: '2' } } }),
  ),
  testCase(
    'apply-then-update',
    applyService('web', 'fieldManager=one', {
      metadata: { labels: { a: '1', b: '2' } },
      spec: ports(80, 81),
    }),
    replace('services', 'web?fieldManager=two', (live) =>
      withSpecOf(live, {
        ports: [{ name: 'p80', port: 80, targetPort: 8080 }],
        externalIPs: ['198.51.100.1'],
      }),
    ),
    patch('services', 'web', 'merge', { metadata: { labels: { a: '9', c: '3' } } }),
    applyService('web', 'fieldManager=one', { metadata: { labels: { b: '2' } }, spec: ports(80) }),
    get('services', 'web'),
  ),
  testCase(
    'apply-nulls-and-empties',
    applyService('web', 'fieldManager=one', {
      metadata: { labels: {}, annotations: null },
      spec: { selector: {}, externalIPs: [], ...ports(80) },
    }),
    applyService('web', 'fieldManager=one', {
      spec: { selector: { a: 'b' }, externalIPs: ['198.51.100.1'], ...ports(80) },
    }),
    applyService('web', 'fieldManager=one', { spec: { selector: null, externalIPs: null, ...ports(80) } }),
  ),
  testCase(
    'apply-deployment',
    applyDeployment('fieldManager=one', DEPLOYMENT),
    applyDeployment('fieldManager=two', {
      spec: { replicas: 5, template: { spec: { containers: [{ name: 'echo', image: 'echo:2' }] } } },
    }),
    applyDeployment('fieldManager=two&force=true', {
      spec: {
        replicas: 5,
        template: {
          spec: {
            containers: [
              { name: 'echo', env: [{ name: 'B', value: '2' }], resources: { limits: { cpu: '1' } } },
            ],
          },
        },
      },
    }),
    applyDeployment('fieldManager=one', {
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'echo', image: 'echo:1' }] },
        },
      },
    }),
    applyDeployment('fieldManager=two', {
      spec: { template: { spec: { containers: [{ name: 'side', image: 'side:1' }] } } },
    }),
  ),
  testCase(
    'apply-config-map',
    {
      method: 'PATCH',
      path: `${collection('configmaps')}/pools?fieldManager=one`,
      style: 'apply',
      body: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'pools' },
        data: { 'range-global': '10.0.0.1-10.0.0.9', 'cidr-global': '10.1.0.0/24' },
      },
    },
    {
      method: 'PATCH',
      path: `${collection('configmaps')}/pools?fieldManager=one`,
      style: 'apply',
      body: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'pools' },
        data: { 'range-global': 'banana' },
      },
    },
  ),
];
