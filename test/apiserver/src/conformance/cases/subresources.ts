// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../api/objects.ts';
import type { ConformanceCase, Step } from '../case.ts';
import { collection, create, get, patch, replace, testCase } from './steps.ts';

const labels = { a: 'b' };
const workload: JsonObject = {
  metadata: { name: 'x' },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels, matchExpressions: [{ key: 'c', operator: 'Exists' }] },
    template: {
      metadata: { labels: { ...labels, c: '' } },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    },
  },
};
const pod: JsonObject = { metadata: { name: 'x' }, spec: { containers: [{ name: 'c', image: 'i' }] } };

function post(path: string, body: JsonObject): Step {
  return { method: 'POST', path, body };
}

const scale = (spec: JsonObject) => (live: JsonObject) => ({ ...live, spec });
const binding = (name: string, target: JsonObject): Step =>
  post(`${collection('pods')}/${name}/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name },
    target,
  });
const TOKEN = `${collection('serviceaccounts')}/default/token`;
const AUTHORIZATION = '/apis/authorization.k8s.io/v1';

/** Sub-resources and reviews. */
export const SUBRESOURCE_CASES: readonly ConformanceCase[] = [
  testCase(
    'sub-scale',
    create('deployments', workload),
    get('deployments', 'x/scale'),
    replace('deployments', 'x/scale', scale({ replicas: 5 })),
    replace('deployments', 'x/scale', scale({})),
    get('deployments', 'x/scale'),
    replace('deployments', 'x/scale', scale({ replicas: -1 })),
    patch('deployments', 'x/scale', 'merge', { spec: { replicas: 3 } }),
    patch('deployments', 'x/scale', 'json', [{ op: 'replace', path: '/spec/replicas', value: 4 }]),
    patch('deployments', 'x/scale', 'merge', { metadata: { resourceVersion: '1' }, spec: { replicas: 3 } }),
    get('deployments', 'x'),
    get('deployments', 'y/scale'),
    get('daemonsets', 'x/scale'),
  ),
  testCase(
    'sub-scale-replica-set',
    create('replicasets', workload),
    get('replicasets', 'x/scale'),
    patch('replicasets', 'x/scale', 'strategic', { spec: { replicas: 9 } }),
    patch('replicasets', 'x/status', 'merge', { status: { replicas: 2, readyReplicas: 1 } }),
    get('replicasets', 'x/scale'),
  ),
  testCase(
    'sub-status',
    create('deployments', workload),
    get('deployments', 'x/status'),
    patch('deployments', 'x/status', 'merge', {
      metadata: { labels: { new: 'label' }, annotations: { new: 'annotation' } },
      spec: { replicas: 9 },
      status: { replicas: 2, updatedReplicas: 2 },
    }),
    patch('deployments', 'x', 'merge', { spec: { replicas: 3 }, status: { replicas: 7 } }),
    replace('deployments', 'x/status', (live) => ({ ...live, status: {} })),
    replace('deployments', 'x/status', (live) => ({
      ...live,
      metadata: { name: 'x', resourceVersion: '1' },
    })),
  ),
  testCase(
    'sub-status-pod',
    create('pods', pod),
    patch('pods', 'x/status', 'strategic', {
      metadata: { annotations: { a: 'b' }, finalizers: ['example.com/f'] },
      status: {
        phase: 'Running',
        podIP: '10.244.1.5',
        podIPs: [{ ip: '10.244.1.5' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    }),
    patch('pods', 'x/status', 'strategic', {
      status: { conditions: [{ type: 'Initialized', status: 'True' }] },
    }),
    patch('pods', 'x', 'merge', { status: { phase: 'Failed' } }),
  ),
  testCase(
    'sub-status-namespace',
    patch('namespaces', '{ns}/status', 'merge', {
      metadata: { labels: { a: 'b' } },
      spec: { finalizers: ['x/y'] },
      status: { conditions: [{ type: 'NamespaceContentRemaining', status: 'True' }] },
    }),
  ),
  testCase(
    'sub-binding',
    create('pods', pod),
    binding('x', { kind: 'Node' }),
    binding('x', { kind: 'Pod', name: 'n' }),
    binding('x', { kind: 'Node', name: 'n1' }),
    get('pods', 'x'),
    binding('x', { kind: 'Node', name: 'n1' }),
    binding('y', { kind: 'Node', name: 'n1' }),
  ),
  testCase(
    'sub-token',
    post(TOKEN, { spec: { expirationSeconds: 60 } }),
    post(TOKEN, { spec: { expirationSeconds: 4294967297 } }),
    post(`${collection('serviceaccounts')}/nope/token`, { spec: {} }),
    post(TOKEN, { spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'nope' } } }),
    post(TOKEN, { spec: { boundObjectRef: { kind: 'Node', apiVersion: 'v1', name: 'nope' } } }),
  ),
  testCase(
    'sub-reviews',
    post(`${AUTHORIZATION}/subjectaccessreviews`, { spec: {} }),
    post(`${AUTHORIZATION}/subjectaccessreviews`, {
      spec: { user: 'nobody', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'x' } },
    }),
    post(`${AUTHORIZATION}/subjectaccessreviews`, {
      spec: { user: 'x', groups: ['system:masters'], nonResourceAttributes: { verb: 'get', path: '/x' } },
    }),
    post(`${AUTHORIZATION}/selfsubjectaccessreviews`, { spec: {} }),
    post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'nonsense' } }),
    post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}),
    { method: 'GET', path: `${AUTHORIZATION}/subjectaccessreviews` },
  ),
];
