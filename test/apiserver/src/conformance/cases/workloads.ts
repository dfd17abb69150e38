// SPDX-License-Identifier: Apache-2.0
import { type JsonObject, objectOf } from '../../api/objects.ts';
import type { ConformanceCase } from '../case.ts';
import { create, get, patch, remove, testCase, withSpecOf } from './steps.ts';

const CONTAINER: JsonObject = { name: 'echo', image: 'echo:1' };

function pod(spec: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { containers: [CONTAINER], ...spec },
  };
}

function workload(
  spec: JsonObject = {},
  labels: JsonObject = { app: 'web' },
  podSpec: JsonObject = {},
): JsonObject {
  return {
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels }, spec: { containers: [CONTAINER], ...podSpec } },
      ...spec,
    },
  };
}

const PODS: Readonly<Record<string, JsonObject>> = {
  minimal: {},
  full: {
    containers: [
      {
        name: 'echo',
        image: 'registry:5000/echo',
        ports: [
          { containerPort: 80, name: 'http' },
          { containerPort: 53, protocol: 'UDP' },
        ],
        env: [
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'EMPTY', value: '' },
        ],
        readinessProbe: { httpGet: { port: 80 } },
        livenessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1 },
        startupProbe: { exec: { command: ['true'] } },
        lifecycle: { preStop: { httpGet: { port: 80 } } },
        resources: { limits: { cpu: '1', memory: '1Gi' } },
        volumeMounts: [{ name: 'c', mountPath: '/c' }],
      },
    ],
    initContainers: [
      {
        name: 'first',
        image: 'echo@sha256:0123456789012345678901234567890123456789012345678901234567890123',
      },
    ],
    volumes: [
      { name: 'c', configMap: { name: 'x' } },
      { name: 'e' },
      { name: 'h', hostPath: { path: '/' } },
      { name: 's', secret: { secretName: 'x' } },
      { name: 'd', downwardAPI: { items: [{ path: 'n', fieldRef: { fieldPath: 'metadata.name' } }] } },
      {
        name: 'p',
        projected: { sources: [{ serviceAccountToken: { path: 't' } }, { configMap: { name: 'x' } }] },
      },
    ],
  },
  'host-network': { hostNetwork: true, containers: [{ ...CONTAINER, ports: [{ containerPort: 80 }] }] },
  'own-tolerations': {
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 },
    ],
  },
  'tolerates-all': { tolerations: [{ operator: 'Exists' }] },
  quantities: {
    containers: [
      {
        ...CONTAINER,
        resources: { limits: { memory: '1024Mi', cpu: '1000m' }, requests: { memory: '1.5Gi', cpu: 0.1 } },
      },
    ],
  },
  burstable: { containers: [{ ...CONTAINER, resources: { requests: { cpu: '100m' } } }] },
  'no-containers': { containers: [] },
  'containers-wrong': {
    containers: [
      { name: 'A', image: '' },
      { name: 'b', image: 'x', imagePullPolicy: 'Sometimes' },
      {
        name: 'b',
        image: 'x',
        ports: [
          { containerPort: 0 },
          { containerPort: 70_000, protocol: 'X' },
          { containerPort: 1, name: 'a--b' },
        ],
        volumeMounts: [
          { name: 'nope', mountPath: '/x' },
          { name: 'v', mountPath: '' },
        ],
      },
      { image: 'x' },
    ],
    volumes: [{ name: 'v' }, { name: 'v' }, { name: 'V' }],
  },
  'policies-wrong': { restartPolicy: 'Sometimes', dnsPolicy: 'Nearby' },
};

const DEPLOYMENTS: Readonly<Record<string, JsonObject>> = {
  minimal: workload(),
  'no-selector': withSpecOf(workload(), { selector: null }),
  'empty-selector': workload({ selector: {} }),
  'selector-mismatch': workload({}, { app: 'other' }),
  'negative-numbers': workload({
    replicas: -1,
    minReadySeconds: -1,
    revisionHistoryLimit: -1,
    progressDeadlineSeconds: -1,
  }),
  'restart-never': workload({}, { app: 'web' }, { restartPolicy: 'Never' }),
  'no-containers': workload({}, { app: 'web' }, { containers: [] }),
  recreate: workload({ strategy: { type: 'Recreate' } }),
  'rolling-wrong': workload({
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } },
  }),
};

/** Pods and what makes them. */
export const WORKLOAD_CASES: readonly ConformanceCase[] = [
  ...Object.entries(PODS).map(([name, spec]) => testCase(`pod-${name}`, create('pods', pod(spec)))),
  testCase(
    'pod-addresses',
    create('pods', pod()),
    patch('pods', 'web/status', 'merge', { status: { podIP: '10.244.0.5', hostIP: '172.18.0.2' } }),
    patch('pods', 'web/status', 'merge', {
      status: { podIPs: [{ ip: '10.244.0.5' }, { ip: 'fd00::5' }], hostIPs: [{ ip: '172.18.0.2' }] },
    }),
    patch('pods', 'web/status', 'merge', { status: { podIP: '10.244.0.6' } }),
  ),
  testCase(
    'pod-update',
    create('pods', pod()),
    patch('pods', 'web', 'merge', { spec: { nodeName: 'x' } }),
    patch('pods', 'web', 'strategic', { spec: { containers: [{ name: 'echo', image: 'echo:2' }] } }),
    patch('pods', 'web', 'strategic', { spec: { containers: [{ name: 'more', image: 'echo:2' }] } }),
    patch('pods', 'web', 'merge', { spec: { tolerations: [] } }),
    patch('pods', 'web', 'merge', { metadata: { labels: { a: 'b' } } }),
    patch('pods', 'web/status', 'strategic', {
      metadata: { labels: { c: 'd' } },
      spec: { nodeName: 'y' },
      status: {
        phase: 'Running',
        podIP: '10.244.0.5',
        podIPs: [{ ip: '10.244.0.5' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    }),
    patch('pods', 'web/status', 'strategic', {
      status: {
        conditions: [
          { type: 'Ready', status: 'False', reason: 'Tired' },
          { type: 'Initialized', status: 'True' },
        ],
      },
    }),
    {
      method: 'POST',
      path: '/api/v1/namespaces/{ns}/pods/web/binding',
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'web' },
        target: { kind: 'Node', name: 'worker1' },
      },
    },
    get('pods', 'web'),
    remove('pods', 'web'),
  ),
  ...Object.entries(DEPLOYMENTS).map(([name, body]) =>
    testCase(
      `deployment-${name}`,
      create('deployments', { apiVersion: 'apps/v1', kind: 'Deployment', ...body }),
    ),
  ),
  testCase(
    'deployment-update',
    create('deployments', workload()),
    patch('deployments', 'web', 'merge', { spec: { selector: { matchLabels: { app: 'other' } } } }),
    patch('deployments', 'web', 'merge', { spec: { replicas: 3 } }),
    patch('deployments', 'web', 'merge', { metadata: { labels: { a: 'b' } } }),
    patch('deployments', 'web/status', 'merge', {
      spec: { replicas: 9 },
      status: { replicas: 3, readyReplicas: 3, observedGeneration: 2 },
    }),
    { method: 'GET', path: '/apis/apps/v1/namespaces/{ns}/deployments/web/scale' },
    {
      method: 'PATCH',
      path: '/apis/apps/v1/namespaces/{ns}/deployments/web/scale',
      style: 'merge',
      body: { spec: { replicas: 5 } },
    },
    get('deployments', 'web'),
  ),
  testCase('replicaset-minimal', create('replicasets', workload())),
  testCase(
    'replicaset-wrong',
    create('replicasets', workload({ replicas: -1, selector: {} }, { app: 'other' })),
  ),
  testCase('daemonset-minimal', create('daemonsets', workload())),
  testCase(
    'daemonset-host-network',
    create(
      'daemonsets',
      workload(
        {},
        { app: 'web' },
        { hostNetwork: true, containers: [{ ...CONTAINER, ports: [{ containerPort: 80 }] }] },
      ),
    ),
  ),
  testCase(
    'daemonset-wrong',
    create('daemonsets', withSpecOf(workload({}, { app: 'other' }), { selector: {} })),
  ),
  testCase(
    'daemonset-update',
    create('daemonsets', workload()),
    patch('daemonsets', 'web', 'strategic', {
      spec: { template: { spec: { containers: [{ name: 'echo', image: 'echo:2' }] } } },
    }),
    patch('daemonsets', 'web', 'merge', { metadata: objectOf({ labels: { a: 'b' } }) }),
    patch('daemonsets', 'web', 'merge', {
      spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: null } },
    }),
  ),
];
