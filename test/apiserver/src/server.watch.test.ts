// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { arrayOf, at, type JsonObject, stringOf } from './api/objects.ts';
import { type ApiServerHandle, createApiServer } from './server.ts';
import { createTestClient, type TestClient, type WatchEvent } from './testing/client.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

let server: ApiServerHandle;
let client: TestClient;
let namespace = '';
let count = 0;

beforeAll(async () => {
  server = await createApiServer();
  client = createTestClient(server);
});
afterAll(async () => {
  client.close();
  await server.close();
});
beforeEach(async () => {
  count += 1;
  namespace = `n${count}`;
  await client.post('/api/v1/namespaces', { metadata: { name: namespace } });
});

const path = (name = '') => `/api/v1/namespaces/${namespace}/configmaps${name === '' ? '' : `/${name}`}`;

async function put(name: string, data: JsonObject = {}, labels: JsonObject = {}): Promise<JsonObject> {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data };
  const created = await client.post(path(), body);
  if (created.code === 201) return created.body;
  return (await client.put(path(name), body)).body;
}

function names(items: unknown): string[] {
  return arrayOf(items as readonly JsonObject[]).map((item) => stringOf(at(item, 'metadata', 'name')));
}

function summary(events: readonly WatchEvent[]): string[] {
  return events.map(({ type, object }) => `${type} ${stringOf(at(object, 'metadata', 'name'))}`);
}

const version = (object: JsonObject) => stringOf(at(object, 'metadata', 'resourceVersion'));

describe('list', () => {
  it('selects by labels and fields', async () => {
    await put('a', {}, { app: 'x' });
    await put('b', {}, { app: 'y' });
    const list = async (query: string) => names((await client.get(`${path()}?${query}`)).body.items);
    expect(await list('labelSelector=app%3Dx')).toEqual(['a']);
    expect(await list('labelSelector=app%20notin%20(x)')).toEqual(['b']);
    expect(await list('fieldSelector=metadata.name%21%3Da')).toEqual(['b']);
    const wrong = await client.get(`${path()}?fieldSelector=spec.x%3D1`);
    expect(wrong.code).toBe(400);
    expect(wrong.body.message).toBe(
      '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    );
    expect((await client.get('/api/v1/pods?fieldSelector=foo%3D1')).body.message).toBe(
      'field label not supported: foo',
    );
  });

  it('pages through one consistent snapshot', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await put(name);
    const first = (await client.get(`${path()}?limit=2`)).body;
    expect(names(first.items)).toEqual(['a', 'b']);
    expect(first.metadata).toMatchObject({ remainingItemCount: 3 });
    await put('bb');
    await client.remove(path('d'));
    await put('e', { changed: 'yes' });
    const token = stringOf(at(first, 'metadata', 'continue'));
    const second = (await client.get(`${path()}?limit=2&continue=${token}`)).body;
    expect(names(second.items)).toEqual(['c', 'd']);
    expect(version(second)).toBe(version(first));
    const third = (await client.get(`${path()}?limit=2&continue=${at(second, 'metadata', 'continue')}`)).body;
    expect(names(third.items)).toEqual(['e']);
    expect(at(arrayOf(third.items)[0], 'data')).toBeUndefined();
    expect(at(third, 'metadata', 'continue')).toBeUndefined();
  });

  it('answers 410 for a token from before a compaction, with one that goes on anyway', async () => {
    for (const name of ['a', 'b', 'c']) await put(name);
    const first = (await client.get(`${path()}?limit=1`)).body;
    await put('d');
    server.faults.compact();
    const token = stringOf(at(first, 'metadata', 'continue'));
    const old = await client.get(`${path()}?limit=1&continue=${token}`);
    expect(old.code).toBe(410);
    expect(old.body.reason).toBe('Expired');
    const rest = await client.get(`${path()}?continue=${at(old.body, 'metadata', 'continue')}`);
    expect(names(rest.body.items)).toEqual(['b', 'c', 'd']);
  });

  it('knows exact and future versions', async () => {
    const { body } = await client.post(path(), { metadata: { name: 'a' } });
    await put('b');
    const at1 = await client.get(`${path()}?resourceVersion=${version(body)}&resourceVersionMatch=Exact`);
    expect(names(at1.body.items)).toEqual(['a']);
    const newer = await client.get(
      `${path()}?resourceVersion=${version(body)}&resourceVersionMatch=NotOlderThan`,
    );
    expect(names(newer.body.items)).toEqual(['a', 'b']);
    const future = await client.get(`${path()}?resourceVersion=99999999`);
    expect(future.code).toBe(504);
    expect((await client.get(`${path()}?resourceVersion=abc`)).code).toBe(400);
    expect((await client.get(`${path()}?resourceVersionMatch=Exact`)).code).toBe(422);
  });

  it('writes tables and bare metadata', async () => {
    await put('a', { k: 'v' });
    const table = (await client.get(path(), { accept: TABLE })).body;
    expect(table.kind).toBe('Table');
    expect(at(arrayOf(table.rows)[0], 'cells')).toMatchObject(['a', 1, expect.stringMatching(/^\ds$/)]);
    expect(at(arrayOf(table.rows)[0], 'object', 'kind')).toBe('PartialObjectMetadata');
    const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
    const metadata = (await client.get(path(), { accept })).body;
    expect(metadata.kind).toBe('PartialObjectMetadataList');
    expect(arrayOf(metadata.items)[0]).toMatchObject({
      kind: 'PartialObjectMetadata',
      metadata: { name: 'a' },
    });
  });
});

describe('watch', () => {
  it('goes on from a version without losing or repeating anything', async () => {
    const a = await put('a');
    await put('b');
    const watch = await client.watch(`${path()}?watch=1&resourceVersion=${version(a)}`);
    await watch.atLeast(1);
    await put('a', { changed: 'yes' });
    await client.remove(path('b'));
    expect(summary(await watch.atLeast(3))).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b']);
    const [, modified, deleted] = watch.events;
    expect(Number(version(deleted?.object ?? {}))).toBeGreaterThan(Number(version(modified?.object ?? {})));
    watch.stop();
  });

  it('begins with the present state when no version or 0 is given', async () => {
    await put('a');
    for (const query of ['', '&resourceVersion=0']) {
      const watch = await client.watch(`${path()}?watch=1${query}`);
      expect(summary(await watch.atLeast(1))).toEqual(['ADDED a']);
      watch.stop();
    }
  });

  it('shows objects that enter and leave a selection as added and deleted', async () => {
    const { metadata } = (await client.get(path())).body;
    const from = stringOf(at({ metadata: metadata ?? null }, 'metadata', 'resourceVersion'));
    const watch = await client.watch(`${path()}?watch=1&resourceVersion=${from}&labelSelector=app%3Dx`);
    await put('a', {}, { app: 'y' });
    await put('a', {}, { app: 'x' });
    await put('a', { k: 'v' }, { app: 'x' });
    const left = await put('a', { k: 'w' }, { app: 'y' });
    const events = await watch.atLeast(3);
    expect(summary(events)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    expect(at(events[2]?.object, 'data', 'k')).toBe('v');
    expect(version(events[2]?.object ?? {})).toBe(version(left));
    watch.stop();
  });

  it('says 410 in an event when its history is gone', async () => {
    const a = await put('a');
    await put('b');
    server.faults.compact();
    const watch = await client.watch(`${path()}?watch=1&resourceVersion=${version(a)}`);
    const [event] = await watch.atLeast(1);
    expect(event?.type).toBe('ERROR');
    expect(event?.object).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
    expect(event?.object.message).toContain('too old resource version');
    expect(await watch.ended).toBe(true);
  });

  it('sends a bookmark before the time is up, and ends in order', async () => {
    const watch = await client.watch(`${path()}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true`);
    await put('a');
    const secret = await client.post(`/api/v1/namespaces/${namespace}/secrets`, { metadata: { name: 's' } });
    expect(await watch.ended).toBe(true);
    const bookmark = watch.events.at(-1);
    expect(bookmark?.type).toBe('BOOKMARK');
    expect(bookmark?.object.kind).toBe('ConfigMap');
    expect(Number(version(bookmark?.object ?? {}))).toBeGreaterThanOrEqual(Number(version(secret.body)));
  });

  it('marks the end of the initial events of a watch list', async () => {
    await put('a');
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const watch = await client.watch(`${path()}?${query}`);
    const events = await watch.atLeast(2);
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(at(events[1]?.object, 'metadata', 'annotations', 'k8s.io/initial-events-end')).toBe('true');
    watch.stop();
    const wrong = await client.get(`${path()}?watch=1&sendInitialEvents=true`);
    expect(wrong.code).toBe(422);
  });

  it('writes tables', async () => {
    const watch = await client.watch(`${path()}?watch=1`, { accept: TABLE });
    await put('a');
    const [event] = await watch.atLeast(1);
    expect(event?.object).toMatchObject({ kind: 'Table', rows: [{ cells: ['a', 0, '0s'] }] });
    watch.stop();
  });

  it('of events shows each group its own form', async () => {
    const watch = await client.watch(`/apis/events.k8s.io/v1/namespaces/${namespace}/events?watch=1`);
    await client.post(`/api/v1/namespaces/${namespace}/events`, {
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p', namespace },
      reason: 'R',
      message: 'm',
      type: 'Normal',
    });
    const [event] = await watch.atLeast(1);
    expect(event?.object).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      note: 'm',
      regarding: { name: 'p' },
    });
    watch.stop();
  });

  it('of a pod deleted with grace 0 shows the mark before the end', async () => {
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] };
    const { body } = await client.post(pods, { metadata: { name: 'p' }, spec });
    const watch = await client.watch(`${pods}?watch=1&resourceVersion=${version(body)}`);
    await client.remove(`${pods}/p`, { gracePeriodSeconds: 0 });
    expect(summary(await watch.atLeast(2))).toEqual(['MODIFIED p', 'DELETED p']);
    watch.stop();
  });
});
