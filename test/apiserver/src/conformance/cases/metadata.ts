// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../api/objects.ts';
import type { ConformanceCase } from '../case.ts';
import { create, patch, replace, testCase } from './steps.ts';

const map = (metadata: JsonObject): JsonObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata });

const METADATA: Readonly<Record<string, JsonObject>> = {
  'no-name': {},
  'name-upper-case': { name: 'Web' },
  'name-with-dot': { name: 'a.b' },
  'name-too-long': { name: 'a'.repeat(254) },
  'name-with-slash': { name: 'a/b' },
  'generate-name-wrong': { generateName: 'A_' },
  'namespace-mismatch': { name: 'x', namespace: 'other' },
  labels: { name: 'x', labels: { 'example.com/a': 'b', c: '' } },
  'labels-wrong': {
    name: 'x',
    labels: {
      'a b': 'c',
      'x/y/z': 'd',
      '/e': 'f',
      'UP/g': 'h',
      'i/': 'j',
      k: 'l m',
      n: 'o'.repeat(64),
      ['p'.repeat(64)]: 'q',
    },
  },
  'annotations-wrong': { name: 'x', annotations: { 'a b': 'c', 'UPPER.example.com/Fine': 'd' } },
  'annotations-too-large': { name: 'x', annotations: { a: 'b'.repeat(262_144) } },
  'finalizers-wrong': {
    name: 'x',
    finalizers: ['plain', 'a.b/fine', 'a b/c', 'orphan', 'foregroundDeletion'],
  },
  owner: { name: 'x', ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'y', uid: 'z' }] },
  'owner-wrong': { name: 'x', ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: '' }] },
  'owners-two-controllers': {
    name: 'x',
    ownerReferences: [
      { apiVersion: 'v1', kind: 'A', name: 'a', uid: '1', controller: true },
      { apiVersion: 'v1', kind: 'B', name: 'b', uid: '2', controller: true },
    ],
  },
  'owner-event': { name: 'x', ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'y', uid: 'z' }] },
  'resource-version': { name: 'x', resourceVersion: '7' },
  'server-fields': {
    name: 'x',
    uid: 'mine',
    generation: 9,
    creationTimestamp: '2020-01-01T00:00:00Z',
    deletionTimestamp: '2020-01-01T00:00:00Z',
    selfLink: '/x',
  },
};

/** Metadata of any kind, on the example of ConfigMaps. */
export const METADATA_CASES: readonly ConformanceCase[] = [
  ...Object.entries(METADATA).map(([name, metadata]) =>
    testCase(`metadata-${name}`, create('configmaps', map(metadata))),
  ),
  testCase(
    'metadata-name-taken',
    create('configmaps', map({ name: 'x' })),
    create('configmaps', map({ name: 'x' })),
  ),
  testCase(
    'metadata-service-name-starts-with-digit',
    create('services', { metadata: { name: '1web' }, spec: { ports: [{ port: 80 }] } }),
  ),
  testCase(
    'metadata-service-name-with-dot',
    create('services', { metadata: { name: 'a.b' }, spec: { ports: [{ port: 80 }] } }),
  ),
  testCase(
    'metadata-service-name-too-long',
    create('services', { metadata: { name: 'a'.repeat(64) }, spec: { ports: [{ port: 80 }] } }),
  ),
  testCase('metadata-namespace-name-with-dot', create('namespaces', { metadata: { name: 'a.b' } })),
  testCase(
    'metadata-role-name',
    create('roles', { metadata: { name: 'system:x/y' }, rules: null }),
    create('roles', { metadata: { name: 'system:x' }, rules: null }),
  ),
  testCase(
    'metadata-update',
    create('configmaps', map({ name: 'x', labels: { a: 'b' } })),
    replace('configmaps', 'x', (live) => ({
      ...live,
      metadata: { ...(live.metadata as JsonObject), name: 'y' },
    })),
    replace('configmaps', 'x', () => map({ name: 'x', resourceVersion: '1' })),
    replace('configmaps', 'x', () => map({ name: 'x', uid: 'other' })),
    replace('configmaps', 'x', () => map({})),
    replace('configmaps', 'x', () => map({ name: 'x', labels: { 'a b': 'c' } })),
    replace('configmaps', 'x', () =>
      map({ name: 'x', creationTimestamp: '2020-01-01T00:00:00Z', generation: 5 }),
    ),
    replace('configmaps', 'missing', () => map({ name: 'missing' })),
    patch('configmaps', 'x', 'merge', { metadata: { generateName: 'x-' } }),
    patch('configmaps', 'missing', 'merge', { metadata: { generateName: 'x-' } }),
  ),
  testCase(
    'metadata-decoding',
    create('configmaps', { metadata: { name: ['x'] } }),
    create('configmaps', { metadata: { name: 'x', labels: { a: 1 } } }),
    create('configmaps', { metadata: { name: 'x', creationTimestamp: 'yesterday' } }),
    create('configmaps', { metadata: { name: 'x' }, data: { a: 1 } }),
    create('configmaps', { metadata: { name: 'x' }, data: [] }),
    create('configmaps', { metadata: { name: 'x' }, binaryData: { a: '?' } }),
    create('configmaps', { kind: 'Unheard', metadata: { name: 'x' } }),
    create('configmaps', { apiVersion: 'example.com/v1', kind: 'ConfigMap', metadata: { name: 'x' } }),
    create(
      'configmaps',
      { metadata: { name: 'x', more: 1 }, data: { a: 'b' }, zoo: {} },
      '?fieldValidation=Strict',
    ),
    create('configmaps', { metadata: { name: 'x', more: 1 }, data: { a: 'b' }, zoo: {} }),
    create('configmaps', { metadata: { name: 'y', more: 1 } }, '?fieldValidation=Ignore'),
    create('configmaps', { metadata: { name: 'z' } }, '?fieldValidation=Sometimes'),
    create('services', { metadata: { name: 'x' }, spec: [] }),
    create('services', { metadata: { name: 'x' }, spec: { ports: [{ port: 8.5 }] } }),
    create('services', { metadata: { name: 'x' }, spec: { ports: [{ port: 99_999_999_999 }] } }),
    create('services', { metadata: { name: 'x' }, spec: { ports: [{ port: 80, targetPort: true }] } }),
    create('services', { metadata: { name: 'x' }, spec: { ports: {} } }),
    create('services', { metadata: { name: 'x' }, spec: { publishNotReadyAddresses: 'true' } }),
  ),
];
