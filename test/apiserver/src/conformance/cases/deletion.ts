// SPDX-License-Identifier: Apache-2.0
import type { Json, JsonObject } from '../../api/objects.ts';
import type { ConformanceCase, Step } from '../case.ts';
import { collection, create, get, list, patch, remove, replace, service, testCase } from './steps.ts';

const map = (metadata: JsonObject = {}): JsonObject => ({ metadata: { name: 'x', ...metadata } });
const pod = (spec: JsonObject = {}): JsonObject => ({
  metadata: { name: 'x' },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const labels = { a: 'b' };
const deployment: JsonObject = {
  metadata: { name: 'x' },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
};

/** A DELETE of a whole collection. */
function removeAll(plural: string, query: string, options?: Json): Step {
  return { method: 'DELETE', path: collection(plural) + query, ...(options ? { body: options } : {}) };
}

const HELD = ['example.com/held'];

/** Everything about the ways objects go. */
export const DELETION_CASES: readonly ConformanceCase[] = [
  testCase(
    'delete-config-map',
    create('configmaps', map()),
    remove('configmaps', 'x'),
    get('configmaps', 'x'),
  ),
  testCase('delete-missing', remove('configmaps', 'x'), remove('deployments', 'x')),
  testCase('delete-service', create('services', service('x')), remove('services', 'x')),
  testCase('delete-lease', create('leases', map()), remove('leases', 'x')),
  testCase('delete-service-account', create('serviceaccounts', map()), remove('serviceaccounts', 'x')),
  testCase(
    'delete-preconditions',
    create('configmaps', map()),
    remove('configmaps', 'x', { preconditions: { uid: 'other' } }),
    remove('configmaps', 'x', { preconditions: { resourceVersion: '1' } }),
    get('configmaps', 'x'),
  ),
  testCase(
    'delete-dry-run',
    create('configmaps', map()),
    remove('configmaps', 'x?dryRun=All'),
    get('configmaps', 'x'),
    remove('configmaps', 'x', { dryRun: ['All'] }),
    remove('configmaps', 'x', { dryRun: ['Some'] }),
    get('configmaps', 'x'),
  ),
  testCase(
    'delete-finalizers',
    create('configmaps', map({ finalizers: HELD })),
    remove('configmaps', 'x'),
    remove('configmaps', 'x'),
    patch('configmaps', 'x', 'merge', { metadata: { finalizers: [...HELD, 'example.com/new'] } }),
    patch('configmaps', 'x', 'merge', { data: { still: 'written' } }),
    patch('configmaps', 'x', 'merge', { metadata: { deletionTimestamp: null } }),
    patch('configmaps', 'x', 'merge', { metadata: { finalizers: null } }),
    get('configmaps', 'x'),
  ),
  testCase(
    'delete-finalizers-service',
    create('services', service('x', {}, { finalizers: HELD })),
    remove('services', 'x'),
    replace('services', 'x', (live) => ({
      ...live,
      metadata: { ...(live.metadata as JsonObject), finalizers: [] },
    })),
    get('services', 'x'),
  ),
  testCase(
    'delete-foreground',
    create('deployments', deployment),
    remove('deployments', 'x', { propagationPolicy: 'Foreground' }),
    remove('deployments', 'x', { propagationPolicy: 'Background' }),
    get('deployments', 'x'),
  ),
  testCase(
    'delete-orphan',
    create('deployments', deployment),
    remove('deployments', 'x', { propagationPolicy: 'Orphan' }),
    patch('deployments', 'x', 'merge', { metadata: { finalizers: [] } }),
  ),
  testCase(
    'delete-orphan-query',
    create('configmaps', map()),
    remove('configmaps', 'x?propagationPolicy=Orphan'),
  ),
  testCase(
    'delete-orphan-dependents',
    create('configmaps', map()),
    remove('configmaps', 'x', { orphanDependents: true, propagationPolicy: 'Orphan' }),
    remove('configmaps', 'x', { orphanDependents: true }),
  ),
  testCase(
    'delete-background',
    create('deployments', deployment),
    remove('deployments', 'x', { propagationPolicy: 'Background' }),
  ),
  testCase(
    'delete-policy-wrong',
    create('configmaps', map()),
    remove('configmaps', 'x', { propagationPolicy: 'Sideways' }),
  ),
  testCase('delete-pod-unbound', create('pods', pod()), remove('pods', 'x'), get('pods', 'x')),
  testCase(
    'delete-pod-bound',
    create('pods', pod({ nodeName: 'n' })),
    remove('pods', 'x'),
    remove('pods', 'x', { gracePeriodSeconds: 60 }),
    remove('pods', 'x', { gracePeriodSeconds: 7 }),
    remove('pods', 'x'),
    patch('pods', 'x/status', 'merge', { status: { phase: 'Running' } }),
    remove('pods', 'x', { gracePeriodSeconds: 0 }),
    get('pods', 'x'),
  ),
  testCase(
    'delete-pod-own-grace',
    create('pods', pod({ nodeName: 'n', terminationGracePeriodSeconds: 5 })),
    remove('pods', 'x?gracePeriodSeconds=9'),
  ),
  testCase(
    'delete-pod-no-grace',
    create('pods', pod({ nodeName: 'n', terminationGracePeriodSeconds: 0 })),
    remove('pods', 'x'),
    get('pods', 'x'),
  ),
  testCase(
    'delete-pod-ended',
    create('pods', pod({ nodeName: 'n' })),
    patch('pods', 'x/status', 'merge', { status: { phase: 'Succeeded' } }),
    remove('pods', 'x'),
    get('pods', 'x'),
  ),
  testCase(
    'delete-pod-finalizer',
    create('pods', { ...pod({ nodeName: 'n' }), metadata: { name: 'x', finalizers: HELD } }),
    remove('pods', 'x'),
    remove('pods', 'x', { gracePeriodSeconds: 0 }),
    patch('pods', 'x', 'merge', { metadata: { finalizers: [] } }),
    get('pods', 'x'),
  ),
  testCase(
    'delete-pod-finalizer-first',
    create('pods', { ...pod({ nodeName: 'n' }), metadata: { name: 'x', finalizers: HELD } }),
    remove('pods', 'x'),
    patch('pods', 'x', 'merge', { metadata: { finalizers: [] } }),
    remove('pods', 'x', { gracePeriodSeconds: 0 }),
    get('pods', 'x'),
  ),
  testCase(
    'delete-pod-evicted',
    create('pods', pod({ nodeName: 'n' })),
    create('pods', { metadata: { name: 'y' } }),
    {
      method: 'POST',
      path: `${collection('pods')}/x/eviction`,
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'x' } },
    },
    get('pods', 'x'),
  ),
  testCase(
    'delete-collection',
    ...['a', 'b', 'c'].map((name) => create('configmaps', { metadata: { name, labels: { part: name } } })),
    removeAll('configmaps', '?labelSelector=part%20in%20(a,b)'),
    list('configmaps'),
    removeAll('configmaps', '?fieldSelector=metadata.name%3Dzz'),
    removeAll('configmaps', '?dryRun=All'),
    list('configmaps', '?fieldSelector=metadata.name%3Dc'),
  ),
  testCase(
    'delete-collection-held',
    create('leases', map({ finalizers: HELD })),
    create('leases', map({ name: 'y' })),
    removeAll('leases', ''),
    list('leases'),
  ),
  testCase('delete-collection-namespaces', removeAll('namespaces', '')),
  testCase(
    'delete-namespace',
    create('namespaces', map({ name: 'going' })),
    remove('namespaces', 'going'),
    remove('namespaces', 'going'),
    { method: 'POST', path: '/api/v1/namespaces/going/configmaps', body: map() },
    { method: 'POST', path: '/apis/apps/v1/namespaces/going/deployments', body: deployment },
    patch('namespaces', 'going', 'merge', { metadata: { labels: { a: 'b' } } }),
    replace('namespaces', 'going/finalize', (live) => ({
      ...live,
      spec: { finalizers: ['example.com/other'] },
    })),
    replace('namespaces', 'going/finalize', (live) => ({ ...live, spec: {} })),
    get('namespaces', 'going'),
  ),
  testCase(
    'delete-namespace-twice-held',
    create('namespaces', map({ name: 'held-ns', finalizers: HELD })),
    remove('namespaces', 'held-ns'),
    replace('namespaces', 'held-ns/finalize', (live) => ({ ...live, spec: {} })),
    patch('namespaces', 'held-ns', 'merge', { metadata: { finalizers: [] } }),
    get('namespaces', 'held-ns'),
  ),
  testCase(
    'delete-namespace-protected',
    remove('namespaces', 'default'),
    remove('namespaces', 'kube-public'),
    remove('namespaces', 'nope'),
  ),
];
