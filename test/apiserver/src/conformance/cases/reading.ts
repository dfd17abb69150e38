// SPDX-License-Identifier: Apache-2.0
import { at, type Json, type JsonObject, stringOf } from '../../api/objects.ts';
import type { ConformanceCase, Step } from '../case.ts';
import { collection, create, get, list, replace, service, testCase } from './steps.ts';

const three: readonly Step[] = ['a', 'b', 'c'].map((name) =>
  create('configmaps', { metadata: { name, labels: { part: name, all: 'yes' } } }),
);

/** One list for each query. */
function lists(plural: string, ...queries: readonly string[]): Step[] {
  return queries.map((query) => list(plural, `?${query}`));
}

const event = (extra: JsonObject): Json => ({
  metadata: { name: 'e', namespace: '{ns}' },
  involvedObject: { kind: 'Service', name: 's', namespace: '{ns}', uid: '1' },
  reason: 'R',
  message: 'm',
  type: 'Warning',
  source: { component: 'c', host: 'h' },
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:00:01Z',
  count: 2,
  ...extra,
});

const EVENTS_V1 = '/apis/events.k8s.io/v1/namespaces/{ns}/events';

/** Reading: selectors, pages, versions, paths and media types. */
export const READING_CASES: readonly ConformanceCase[] = [
  testCase(
    'read-label-selectors',
    ...three,
    ...lists(
      'configmaps',
      'labelSelector=part%3Da',
      'labelSelector=part%21%3Da',
      'labelSelector=part%20in%20(a,%20c),all',
      'labelSelector=!part',
      'labelSelector=part%20notin%20(a)',
      'labelSelector=part%3E1',
      'labelSelector=a%20b',
      'labelSelector=%3Dx',
      'labelSelector=a%20in%20b',
      'labelSelector=a%20in%20(b',
      'labelSelector=a,,b',
      'labelSelector=a%20%3E%20x',
      'labelSelector=-a%3Db',
      'labelSelector=a%3D-b-',
    ),
  ),
  testCase(
    'read-field-selectors',
    ...three,
    ...lists(
      'configmaps',
      'fieldSelector=metadata.name%3Da',
      'fieldSelector=metadata.name%3D%3Da',
      'fieldSelector=metadata.name%21%3Da',
      'fieldSelector=metadata.namespace%21%3D{ns}',
      'fieldSelector=metadata.namespace%3D{ns},metadata.name%3Db',
      'fieldSelector=data.x%3Da',
      'fieldSelector=metadata.name',
    ),
    ...lists('services', 'fieldSelector=spec.type%3DClusterIP', 'fieldSelector=spec.x%3DClusterIP'),
    ...lists('pods', 'fieldSelector=spec.nodeName%3Dn,status.phase%21%3DRunning', 'fieldSelector=spec.x%3Dn'),
    ...lists('leases', 'fieldSelector=spec.holderIdentity%3Dn', 'fieldSelector=metadata.name%3Dn'),
    ...lists('secrets', 'fieldSelector=type%3DOpaque'),
    ...lists('endpointslices', 'fieldSelector=addressType%3DIPv4'),
    ...lists('deployments', 'fieldSelector=status.replicas%3D1'),
    ...lists(
      'events',
      'fieldSelector=involvedObject.kind%3DService,reason%21%3DR',
      'fieldSelector=regarding.kind%3Dx',
    ),
    list('nodes', '?fieldSelector=spec.unschedulable%3Dtrue'),
    list('nodes', '?fieldSelector=metadata.namespace%3Dx'),
    list('namespaces', '?fieldSelector=status.phase%3DTerminating,metadata.name%3Dnope'),
    list('clusterroles', '?fieldSelector=metadata.namespace%3Dx'),
  ),
  testCase(
    'read-field-selector-service',
    create('services', service('x', { type: 'NodePort' })),
    ...lists('services', 'fieldSelector=spec.type%3DNodePort'),
  ),
  testCase(
    'read-pages',
    ...three,
    ...lists(
      'configmaps',
      'limit=1',
      'limit=3',
      'limit=1&labelSelector=all',
      'limit=1&labelSelector=part%3Da',
    ),
    ...lists(
      'configmaps',
      'limit=x',
      'limit=-1',
      'resourceVersion=x',
      'resourceVersion=0',
      'resourceVersion=0&limit=1',
    ),
    ...lists(
      'configmaps',
      'resourceVersionMatch=Exact',
      'resourceVersionMatch=Some&resourceVersion=1',
      'resourceVersionMatch=Exact&resourceVersion=0',
      'resourceVersionMatch=NotOlderThan&resourceVersion=1',
      'resourceVersionMatch=NotOlderThan&resourceVersion=0',
      'sendInitialEvents=true',
    ),
  ),
  testCase(
    'read-missing',
    get('configmaps', 'x'),
    get('deployments', 'x'),
    get('nodes', 'nope'),
    { method: 'GET', path: '/api/v1/namespaces/nope/configmaps' },
    { method: 'GET', path: '/api/v1/namespaces/nope/configmaps/x' },
    { method: 'GET', path: '/api/v1/nonsense' },
    { method: 'GET', path: '/apis/apps/v1/nonsense' },
    { method: 'GET', path: `${collection('services')}/x/nonsense` },
    { method: 'PUT', path: collection('configmaps'), body: {} },
    { method: 'PATCH', path: collection('configmaps'), body: {} },
    { method: 'POST', path: `${collection('configmaps')}/x`, body: {} },
    { method: 'POST', path: `${collection('services')}/x/status`, body: {} },
  ),
  testCase(
    'read-media-types',
    ...three,
    {
      method: 'GET',
      path: `${collection('configmaps')}/a`,
      accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    },
    list('configmaps', '?limit=1', 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'),
    list('configmaps', '', 'text/plain, application/json;q=0.1, */*;q=0.01'),
  ),
  testCase(
    'read-events',
    create('events', event({})),
    { method: 'GET', path: `${EVENTS_V1}/e` },
    { method: 'GET', path: `${EVENTS_V1}?fieldSelector=regarding.name%3Ds,reason%3DR` },
    { method: 'GET', path: `${EVENTS_V1}?fieldSelector=involvedObject.name%3Ds` },
    {
      method: 'POST',
      path: EVENTS_V1,
      body: {
        metadata: { name: 'f', namespace: '{ns}' },
        regarding: { kind: 'Pod', name: 'p', namespace: '{ns}' },
        reason: 'Q',
        note: 'n',
        type: 'Normal',
        action: 'Do',
        eventTime: '2026-01-01T00:00:00.000000Z',
        reportingController: 'example.com/c',
        reportingInstance: 'i',
      },
    },
    get('events', 'f'),
    replace('events', 'e', (live) => ({ ...live, count: 3 })),
    list('events', '?fieldSelector=source%3Dc,type%3DWarning'),
    list('events', '?fieldSelector=reportingComponent%3Dexample.com/c'),
  ),
  testCase(
    'read-put-wrong-place',
    create('configmaps', { metadata: { name: 'x' } }),
    replace('configmaps', 'x', (live) => ({ ...live, metadata: { name: 'y' } })),
    replace('configmaps', 'x', () => ({ metadata: { name: 'x', namespace: 'other' } })),
    replace('configmaps', 'x', () => ({ data: {} })),
    replace('configmaps', 'x', () => ({ kind: 'Secret', metadata: { name: 'x' } })),
    replace('configmaps', 'x', () => ({ apiVersion: 'v2', metadata: { name: 'x' } })),
    replace('configmaps', 'x', () => ({ metadata: { name: 'x', uid: 'other' } })),
    replace('configmaps', 'x', () => ({ metadata: { name: 'x', resourceVersion: '1' } })),
    replace('configmaps', 'x', () => ({ metadata: { name: 'x', resourceVersion: 'abc' } })),
    replace('configmaps', 'nope', () => ({ metadata: { name: 'nope' } })),
    replace('services', 'nope', () => service('nope')),
    replace('leases', 'new', () => ({ metadata: { name: 'new' } })),
    replace('leases', 'new', () => ({ metadata: { name: 'new' } })),
    replace('deployments', 'nope/status', () => ({ metadata: { name: 'nope' } })),
  ),
  testCase(
    'read-put-after-deletion',
    replace('services', 'gone', () => ({ ...service('gone'), metadata: { name: 'gone', uid: 'former' } })),
    replace('services', 'gone/status', () => ({
      ...service('gone'),
      metadata: { name: 'gone', uid: 'former' },
    })),
    replace('leases', 'gone', () => ({ metadata: { name: 'gone', uid: 'former' } })),
    replace('configmaps', 'gone', () => ({ metadata: { name: 'gone', uid: 'former' } })),
    create('services', service('other')),
    replace('services', 'other', (live) => ({ ...live, metadata: { name: 'other', uid: 'former' } })),
  ),
  testCase('read-name-of-generated', create('configmaps', { metadata: { generateName: 'A_' } }), {
    method: 'POST',
    path: collection('configmaps'),
    body: (previous) => ({ metadata: { name: stringOf(at(previous, 'metadata', 'name')) || 'y' } }),
  }),
];
