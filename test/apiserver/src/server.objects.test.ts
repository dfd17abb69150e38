// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arrayOf, at, type JsonObject, stringOf } from './api/objects.ts';
import { type ApiServerHandle, createApiServer } from './server.ts';
import { createTestClient, type TestClient } from './testing/client.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

let server: ApiServerHandle;
let client: TestClient;

beforeAll(async () => {
  server = await createApiServer();
  client = createTestClient(server);
});
afterAll(async () => {
  client.close();
  await server.close();
});

function configMap(name: string, extra: JsonObject = {}, data: JsonObject = {}): JsonObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...extra }, data };
}

function pod(name: string, spec: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  };
}

function deployment(name: string): JsonObject {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  };
}

function version(object: JsonObject): number {
  return Number(at(object, 'metadata', 'resourceVersion'));
}

describe('create', () => {
  it('stamps the metadata that only the server sets', async () => {
    const answer = await client.post(CONFIG_MAPS, configMap('stamped', { uid: 'mine' }, { a: 'b' }));
    expect(answer.code).toBe(201);
    const metadata = answer.body.metadata as JsonObject;
    expect(metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(metadata.namespace).toBe('default');
    expect(answer.body.kind).toBe('ConfigMap');
    expect((await client.get(`${CONFIG_MAPS}/stamped`)).body).toEqual(answer.body);
  });

  it('generates names', async () => {
    const body = { ...configMap(''), metadata: { generateName: 'gen-' } };
    const names = [await client.post(CONFIG_MAPS, body), await client.post(CONFIG_MAPS, body)].map((answer) =>
      stringOf(at(answer.body, 'metadata', 'name')),
    );
    expect(names[0]).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(names[0]).not.toBe(names[1]);
  });

  it.each<[string, string, JsonObject, number, string, string]>([
    [
      'a name that is taken',
      CONFIG_MAPS,
      configMap('stamped'),
      409,
      'AlreadyExists',
      'configmaps "stamped" already exists',
    ],
    [
      'a missing namespace',
      '/api/v1/namespaces/nope/configmaps',
      configMap('x'),
      404,
      'NotFound',
      'namespaces "nope" not found',
    ],
    [
      'no name',
      CONFIG_MAPS,
      configMap(''),
      422,
      'Invalid',
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ],
    [
      'the wrong namespace',
      CONFIG_MAPS,
      configMap('x', { namespace: 'other' }),
      400,
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'a version',
      CONFIG_MAPS,
      configMap('x', { resourceVersion: '3' }),
      500,
      '',
      'resourceVersion should not be set on objects to be created',
    ],
  ])('refuses %s', async (_what, path, body, code, reason, message) => {
    const answer = await client.post(path, body);
    expect(answer.code).toBe(code);
    expect(answer.body.reason ?? '').toBe(reason);
    expect(answer.body.message).toBe(message);
    expect(answer.body.status).toBe('Failure');
  });

  it('keeps nothing of a dry run', async () => {
    const answer = await client.post(`${CONFIG_MAPS}?dryRun=All`, configMap('dry'));
    expect(answer.code).toBe(201);
    expect((await client.get(`${CONFIG_MAPS}/dry`)).code).toBe(404);
  });

  it('warns about unknown fields, and refuses them when asked to', async () => {
    const body = { ...configMap('typo'), dada: {} };
    const strict = await client.post(`${CONFIG_MAPS}?fieldValidation=Strict`, body);
    expect(strict.code).toBe(400);
    expect(strict.body.message).toContain('strict decoding error: unknown field "dada"');
    const warned = await client.post(CONFIG_MAPS, body);
    expect(warned.code).toBe(201);
    expect(warned.headers.warning).toContain('299 - "unknown field \\"dada\\""');
    expect(warned.body.dada).toBeUndefined();
  });
});

describe('update', () => {
  it('refuses a stale version and takes a fresh one', async () => {
    const first = (await client.post(CONFIG_MAPS, configMap('versions'))).body;
    const second = await client.put(`${CONFIG_MAPS}/versions`, { ...first, data: { a: '1' } });
    expect(second.code).toBe(200);
    expect(version(second.body)).toBeGreaterThan(version(first));
    const stale = await client.put(`${CONFIG_MAPS}/versions`, { ...first, data: { a: '2' } });
    expect(stale.code).toBe(409);
    expect(stale.body.message).toBe(
      'Operation cannot be fulfilled on configmaps "versions": the object has been modified; please apply your changes to the latest version and try again',
    );
    expect(stale.body.details).toEqual({ name: 'versions', kind: 'configmaps' });
  });

  it('writes nothing when nothing changes', async () => {
    const { body } = await client.post(CONFIG_MAPS, configMap('same', {}, { a: 'b' }));
    const again = await client.put(`${CONFIG_MAPS}/same`, body);
    expect(version(again.body)).toBe(version(body));
  });

  it('wants a version for Leases', async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l' }, spec: {} };
    expect((await client.post(path, lease)).code).toBe(201);
    const answer = await client.put(`${path}/l`, lease);
    expect(answer.code).toBe(422);
    expect(answer.body.message).toContain(
      'metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
  });

  it('counts generations by changes of the spec only', async () => {
    const { body } = await client.post(DEPLOYMENTS, deployment('generations'));
    expect(at(body, 'metadata', 'generation')).toBe(1);
    const path = `${DEPLOYMENTS}/generations`;
    const labelled = await client.patch(path, 'merge-patch+json', { metadata: { labels: { a: 'b' } } });
    expect(at(labelled.body, 'metadata', 'generation')).toBe(1);
    const status = await client.patch(`${path}/status`, 'merge-patch+json', { status: { replicas: 1 } });
    expect(at(status.body, 'metadata', 'generation')).toBe(1);
    const scaled = await client.patch(path, 'merge-patch+json', { spec: { replicas: 4 } });
    expect(at(scaled.body, 'metadata', 'generation')).toBe(2);
  });

  it('keeps the status out of updates and the spec out of status updates', async () => {
    const { body } = await client.post(DEPLOYMENTS, deployment('halves'));
    const path = `${DEPLOYMENTS}/halves`;
    const spec = { ...(body.spec as JsonObject), replicas: 7 };
    const status = { replicas: 5, observedGeneration: 1 };
    const both = { ...body, spec, status };
    const ofStatus = await client.put(`${path}/status`, both);
    expect(at(ofStatus.body, 'spec', 'replicas')).toBe(2);
    expect(at(ofStatus.body, 'status', 'replicas')).toBe(5);
    const ofSpec = await client.put(path, {
      ...both,
      metadata: ofStatus.body.metadata,
      status: { replicas: 9 },
    });
    expect(at(ofSpec.body, 'spec', 'replicas')).toBe(7);
    expect(at(ofSpec.body, 'status', 'replicas')).toBe(5);
  });

  it('scales through the sub-resource', async () => {
    await client.post(DEPLOYMENTS, deployment('scaled'));
    const path = `${DEPLOYMENTS}/scaled/scale`;
    const { body } = await client.get(path);
    expect(body).toMatchObject({ kind: 'Scale', spec: { replicas: 2 }, status: { selector: 'app=scaled' } });
    const answer = await client.put(path, { ...body, spec: { replicas: 6 } });
    expect(at(answer.body, 'spec', 'replicas')).toBe(6);
    const stale = await client.put(path, { ...body, spec: { replicas: 1 } });
    expect(stale.code).toBe(409);
    const after = await client.get(`${DEPLOYMENTS}/scaled`);
    expect(at(after.body, 'spec', 'replicas')).toBe(6);
    expect(at(after.body, 'metadata', 'generation')).toBe(2);
  });
});

describe('delete', () => {
  it('answers with what was deleted', async () => {
    await client.post(CONFIG_MAPS, configMap('gone'));
    const answer = await client.remove(`${CONFIG_MAPS}/gone`);
    expect(answer.body).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'gone', kind: 'configmaps' },
    });
    const again = await client.remove(`${CONFIG_MAPS}/gone`);
    expect(again.code).toBe(404);
    expect(again.body.message).toBe('configmaps "gone" not found');
  });

  it('checks preconditions', async () => {
    await client.post(CONFIG_MAPS, configMap('guarded'));
    const path = `${CONFIG_MAPS}/guarded`;
    const uid = await client.remove(path, { preconditions: { uid: 'other' } });
    expect(uid.code).toBe(409);
    expect(uid.body.message).toContain(
      'the UID in the precondition (other) does not match the UID in record',
    );
    const old = await client.remove(path, { preconditions: { resourceVersion: '1' } });
    expect(old.code).toBe(409);
    expect((await client.get(path)).code).toBe(200);
  });

  it('waits for finalizers', async () => {
    await client.post(CONFIG_MAPS, configMap('held', { finalizers: ['example.com/hold'] }));
    const path = `${CONFIG_MAPS}/held`;
    const answer = await client.remove(path);
    expect(at(answer.body, 'metadata', 'deletionTimestamp')).toBeDefined();
    expect(at(answer.body, 'metadata', 'deletionGracePeriodSeconds')).toBe(0);
    const added = await client.patch(path, 'merge-patch+json', {
      metadata: { finalizers: ['example.com/hold', 'example.com/more'] },
    });
    expect(added.code).toBe(422);
    expect(added.body.message).toContain('no new finalizers can be added if the object is being deleted');
    const last = await client.patch(path, 'merge-patch+json', { metadata: { finalizers: [] } });
    expect(last.code).toBe(200);
    expect((await client.get(path)).code).toBe(404);
  });

  it('adds the finalizer of a foreground deletion', async () => {
    await client.post(DEPLOYMENTS, deployment('foreground'));
    const answer = await client.remove(`${DEPLOYMENTS}/foreground`, { propagationPolicy: 'Foreground' });
    expect(at(answer.body, 'metadata', 'finalizers')).toEqual(['foregroundDeletion']);
    expect(at(answer.body, 'metadata', 'generation')).toBe(2);
  });

  it('gives a running pod its grace period, which only the kubelet ends', async () => {
    await client.post(PODS, pod('graceful', { nodeName: 'n' }));
    const path = `${PODS}/graceful`;
    const answer = await client.remove(path);
    expect(at(answer.body, 'metadata', 'deletionGracePeriodSeconds')).toBe(30);
    const shorter = await client.remove(path, { gracePeriodSeconds: 5 });
    expect(at(shorter.body, 'metadata', 'deletionGracePeriodSeconds')).toBe(5);
    const longer = await client.remove(path, { gracePeriodSeconds: 60 });
    expect(at(longer.body, 'metadata', 'deletionGracePeriodSeconds')).toBe(5);
    expect((await client.get(path)).code).toBe(200);
    expect((await client.remove(path, { gracePeriodSeconds: 0 })).code).toBe(200);
    expect((await client.get(path)).code).toBe(404);
  });

  it('removes a pod on no node at once', async () => {
    await client.post(PODS, pod('unbound'));
    await client.remove(`${PODS}/unbound`);
    expect((await client.get(`${PODS}/unbound`)).code).toBe(404);
  });

  it('deletes a selection', async () => {
    for (const name of ['c1', 'c2', 'c3']) {
      await client.post(CONFIG_MAPS, configMap(name, { labels: { set: name === 'c3' ? 'b' : 'a' } }));
    }
    const answer = await client.send('DELETE', `${CONFIG_MAPS}?labelSelector=set%3Da`);
    expect(answer.code).toBe(200);
    expect(arrayOf(answer.body.items).length).toBe(2);
    expect((await client.get(`${CONFIG_MAPS}/c1`)).code).toBe(404);
    expect((await client.get(`${CONFIG_MAPS}/c3`)).code).toBe(200);
  });
});

describe('pods', () => {
  it('are bound once', async () => {
    await client.post(PODS, pod('bound'));
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'bound' },
      target: { kind: 'Node', name: 'n1' },
    };
    expect((await client.post(`${PODS}/bound/binding`, binding)).code).toBe(201);
    const { body } = await client.get(`${PODS}/bound`);
    expect(at(body, 'spec', 'nodeName')).toBe('n1');
    expect(at(body, 'status', 'conditions')).toMatchObject([{ type: 'PodScheduled', status: 'True' }]);
    const again = await client.post(`${PODS}/bound/binding`, binding);
    expect(again.code).toBe(409);
    expect(again.body.message).toContain('pod bound is already assigned to node "n1"');
  });
});

describe('namespaces', () => {
  it('take nothing new while they end, and end when they are finalized', async () => {
    await client.post('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'ending' },
    });
    const path = '/api/v1/namespaces/ending';
    const deleted = await client.remove(path);
    expect(at(deleted.body, 'status', 'phase')).toBe('Terminating');
    const late = await client.post(`${path}/configmaps`, configMap('late'));
    expect(late.code).toBe(403);
    expect(late.body.message).toBe(
      'configmaps "late" is forbidden: unable to create new content in namespace ending because it is being terminated',
    );
    const { body } = await client.get(path);
    expect((await client.put(`${path}/finalize`, { ...body, spec: { finalizers: [] } })).code).toBe(200);
    expect((await client.get(path)).code).toBe(404);
  });

  it('that the cluster needs stay', async () => {
    const answer = await client.remove('/api/v1/namespaces/kube-system');
    expect(answer.code).toBe(403);
    expect(answer.body.message).toBe(
      'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    );
  });
});

describe('events', () => {
  it('are the same in both groups', async () => {
    const event = {
      metadata: { name: 'e1' },
      regarding: { kind: 'Service', name: 's', namespace: 'default' },
      note: 'text',
      reason: 'R',
      type: 'Normal',
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'c',
      reportingInstance: 'i',
      action: 'a',
    };
    const created = await client.post('/apis/events.k8s.io/v1/namespaces/default/events', event);
    expect(created.code).toBe(201);
    const core = await client.get('/api/v1/namespaces/default/events/e1');
    expect(core.body).toMatchObject({
      kind: 'Event',
      apiVersion: 'v1',
      message: 'text',
      involvedObject: { name: 's' },
    });
    const back = await client.get('/apis/events.k8s.io/v1/namespaces/default/events/e1');
    expect(back.body).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      note: 'text',
      regarding: { name: 's' },
    });
    const found = await client.get('/api/v1/events?fieldSelector=involvedObject.name%3Ds,reason%3DR');
    expect(arrayOf(found.body.items).length).toBe(1);
  });
});

describe('paths and media types', () => {
  it.each([
    ['GET', '/api/v1/foos', 404, 'the server could not find the requested resource'],
    ['GET', '/apis/nope/v1/foos', 404, 'the server could not find the requested resource'],
    [
      'PUT',
      '/api/v1/namespaces/default/configmaps',
      405,
      'the server does not allow this method on the requested resource',
    ],
    [
      'POST',
      '/api/v1/namespaces/default/configmaps/x',
      405,
      'the server does not allow this method on the requested resource',
    ],
  ])('%s %s answers %d', async (method, path, code, message) => {
    const answer = await client.send(method, path);
    expect(answer.code).toBe(code);
    expect(answer.body.message).toBe(message);
  });

  it('refuses what it cannot read or write', async () => {
    expect((await client.get(CONFIG_MAPS, { accept: 'application/vnd.kubernetes.protobuf' })).code).toBe(406);
    expect((await client.post(CONFIG_MAPS, 'x', { type: 'application/cbor' })).code).toBe(415);
    expect((await client.patch(`${CONFIG_MAPS}/stamped`, 'foo', {})).code).toBe(415);
    expect((await client.post(CONFIG_MAPS, '{')).code).toBe(400);
  });
});
