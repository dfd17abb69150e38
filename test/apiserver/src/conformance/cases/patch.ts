// SPDX-License-Identifier: Apache-2.0
import type { Json, JsonObject } from '../../api/objects.ts';
import type { ConformanceCase, PatchStyle } from '../case.ts';
import { create, patch, service, testCase } from './steps.ts';

const WEB = service(
  'web',
  {
    clusterIP: '',
    selector: { app: 'web', tier: 'front' },
    externalIPs: ['198.51.100.1', '198.51.100.2'],
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'https', port: 443, targetPort: 8443 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  },
  { labels: { a: '1', b: '2' }, annotations: { x: 'y' }, finalizers: ['a.b/one', 'a.b/two'] },
);

const SERVICE_PATCHES: Readonly<Record<string, readonly [PatchStyle, Json]>> = {
  'json-add': [
    'json',
    [
      { op: 'add', path: '/metadata/labels/c', value: '3' },
      { op: 'add', path: '/spec/externalIPs/-', value: '198.51.100.3' },
      { op: 'add', path: '/spec/externalIPs/0', value: '198.51.100.4' },
    ],
  ],
  'json-remove': [
    'json',
    [
      { op: 'remove', path: '/metadata/labels/a' },
      { op: 'remove', path: '/spec/externalIPs/0' },
    ],
  ],
  'json-remove-missing': ['json', [{ op: 'remove', path: '/metadata/labels/zzz' }]],
  'json-replace-missing': ['json', [{ op: 'replace', path: '/metadata/labels/zzz', value: 'q' }]],
  'json-replace-in-missing': ['json', [{ op: 'replace', path: '/spec/nothing/here', value: 'q' }]],
  'json-test': [
    'json',
    [
      { op: 'test', path: '/metadata/labels/a', value: '1' },
      { op: 'replace', path: '/metadata/labels/a', value: '9' },
    ],
  ],
  'json-test-fails': [
    'json',
    [
      { op: 'test', path: '/metadata/labels/a', value: '2' },
      { op: 'replace', path: '/metadata/labels/a', value: '9' },
    ],
  ],
  'json-test-null': ['json', [{ op: 'test', path: '/metadata/labels/zzz', value: null }]],
  'json-copy-move': [
    'json',
    [
      { op: 'copy', from: '/metadata/labels/a', path: '/metadata/labels/copied' },
      { op: 'move', from: '/metadata/labels/b', path: '/metadata/labels/moved' },
    ],
  ],
  'json-copy-missing': [
    'json',
    [{ op: 'copy', from: '/metadata/labels/zzz', path: '/metadata/labels/copied' }],
  ],
  'json-escaped': ['json', [{ op: 'add', path: '/metadata/annotations/a.b~1c', value: 'slash' }]],
  'json-negative-index': ['json', [{ op: 'remove', path: '/spec/externalIPs/-1' }]],
  'json-index-beyond': ['json', [{ op: 'add', path: '/spec/externalIPs/7', value: '198.51.100.7' }]],
  'json-index-no-number': ['json', [{ op: 'remove', path: '/spec/externalIPs/x' }]],
  'json-unknown-operation': ['json', [{ op: 'fold', path: '/metadata' }]],
  'json-no-list': ['json', { op: 'remove', path: '/metadata' }],
  'json-immutable-name': ['json', [{ op: 'replace', path: '/metadata/name', value: 'other' }]],
  'json-empty': ['json', []],
  'merge-labels': ['merge', { metadata: { labels: { a: null, c: '3' }, annotations: null } }],
  'merge-list-replaces': ['merge', { spec: { externalIPs: ['198.51.100.9'] } }],
  'merge-nothing': ['merge', {}],
  'merge-list': ['merge', []],
  'merge-text': ['merge', 'x'],
  'merge-stale': ['merge', { metadata: { resourceVersion: '1' } }],
  'merge-namespace': ['merge', { metadata: { namespace: 'elsewhere' } }],
  'merge-server-metadata': [
    'merge',
    { metadata: { generation: 7, creationTimestamp: null, selfLink: 'x', deletionGracePeriodSeconds: 5 } },
  ],
  'merge-kind': ['merge', { kind: 'Pod' }],
  'merge-zero-values': [
    'merge',
    {
      metadata: { labels: {}, annotations: { x: '' } },
      spec: { publishNotReadyAddresses: false, externalIPs: [] },
    },
  ],
  'strategic-port-by-number': ['strategic', { spec: { ports: [{ port: 80, targetPort: 9090 }] } }],
  'strategic-port-added': ['strategic', { spec: { ports: [{ name: 'extra', port: 8081 }] } }],
  'strategic-port-deleted': ['strategic', { spec: { ports: [{ $patch: 'delete', port: 443 }] } }],
  'strategic-ports-replaced': [
    'strategic',
    { spec: { ports: [{ $patch: 'replace' }, { name: 'only', port: 1 }] } },
  ],
  'strategic-ports-ordered': [
    'strategic',
    {
      spec: {
        '$setElementOrder/ports': [{ port: 53 }, { port: 80 }, { port: 443 }],
        ports: [{ port: 80, name: 'first' }],
      },
    },
  ],
  'strategic-ports-order-only': [
    'strategic',
    { spec: { '$setElementOrder/ports': [{ port: 443 }, { port: 53 }, { port: 80 }] } },
  ],
  'strategic-port-without-key': ['strategic', { spec: { ports: [{ name: 'x' }] } }],
  'strategic-selector-replaced': ['strategic', { spec: { selector: { $patch: 'replace', only: 'this' } } }],
  'strategic-selector-merged': ['strategic', { spec: { selector: { tier: null, more: 'this' } } }],
  'strategic-annotations-deleted': ['strategic', { metadata: { annotations: { $patch: 'delete' } } }],
  'strategic-finalizers-merged': ['strategic', { metadata: { finalizers: ['a.b/three'] } }],
  'strategic-finalizers-removed': [
    'strategic',
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['a.b/one'] } },
  ],
  'strategic-finalizers-removed-ordered': [
    'strategic',
    {
      metadata: {
        '$deleteFromPrimitiveList/finalizers': ['a.b/one'],
        '$setElementOrder/finalizers': ['a.b/three', 'a.b/two'],
        finalizers: ['a.b/three'],
      },
    },
  ],
  'strategic-external-ips-replaced': ['strategic', { spec: { externalIPs: ['198.51.100.9'] } }],
  'strategic-unknown-directive': ['strategic', { spec: { $patch: 'fold' } }],
  'strategic-list': ['strategic', []],
  'strategic-wrong-type': ['strategic', { spec: { ports: 'x' } }],
  'strategic-null-in-new-map': ['strategic', { spec: { sessionAffinityConfig: { clientIP: null } } }],
  'strategic-name-mismatch': ['strategic', { metadata: { name: 'other' } }],
  'strategic-uid': ['strategic', { metadata: { uid: 'other' } }],
};

const DEPLOYMENT: JsonObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [
          {
            name: 'one',
            image: 'one:1',
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
            ],
            volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
            ports: [{ containerPort: 80 }],
          },
          { name: 'two', image: 'two:1' },
        ],
        volumes: [{ name: 'tmp', emptyDir: {} }],
        tolerations: [{ key: 'a', operator: 'Exists' }],
      },
    },
  },
};

const template = (spec: JsonObject): JsonObject => ({ spec: { template: { spec } } });

const DEPLOYMENT_PATCHES: Readonly<Record<string, JsonObject>> = {
  image: template({ containers: [{ name: 'two', image: 'two:2' }] }),
  env: template({
    containers: [
      {
        name: 'one',
        env: [
          { name: 'B', value: '3' },
          { name: 'C', value: '4' },
          { name: 'A', $patch: 'delete' },
        ],
      },
    ],
  }),
  'container-added': template({ containers: [{ name: 'three', image: 'three:1' }] }),
  'container-removed': template({ containers: [{ name: 'one', $patch: 'delete' }] }),
  'volume-source': template({
    volumes: [{ name: 'tmp', $retainKeys: ['name', 'configMap'], configMap: { name: 'c' } }],
  }),
  'volume-source-without-retain': template({
    volumes: [{ name: 'tmp', $retainKeys: ['name'], configMap: { name: 'c' } }],
  }),
  tolerations: template({ tolerations: [{ key: 'b', operator: 'Exists' }] }),
  'strategy-recreate': { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
  'strategy-type-only': { spec: { strategy: { type: 'Recreate' } } },
  'ports-merged': template({
    containers: [{ name: 'one', ports: [{ containerPort: 80, name: 'http' }, { containerPort: 81 }] }],
  }),
  'new-list-with-delete': template({ imagePullSecrets: [{ name: 'a' }, { name: 'b', $patch: 'delete' }] }),
  scale: { spec: { replicas: 0 } },
};

/** JSON, merge and strategic merge patches. */
export const PATCH_CASES: readonly ConformanceCase[] = [
  ...Object.entries(SERVICE_PATCHES).map(([name, [style, body]]) =>
    testCase(`patch-${name}`, create('services', WEB), patch('services', 'web', style, body)),
  ),
  ...Object.entries(DEPLOYMENT_PATCHES).map(([name, body]) =>
    testCase(
      `patch-deployment-${name}`,
      create('deployments', DEPLOYMENT),
      patch('deployments', 'web', 'strategic', body),
    ),
  ),
  testCase(
    'patch-unknown-fields',
    create('services', WEB),
    patch('services', 'web?fieldValidation=Strict', 'merge', { spec: { zoo: 1 } }),
    patch('services', 'web?fieldValidation=Strict', 'strategic', { spec: { zoo: 1 } }),
    patch('services', 'web', 'merge', { spec: { zoo: 1 } }),
    patch('services', 'web?fieldValidation=Ignore', 'merge', { spec: { zoo: 1 } }),
  ),
];
