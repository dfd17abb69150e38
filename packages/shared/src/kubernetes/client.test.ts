// SPDX-License-Identifier: Apache-2.0
import { expect, onTestFinished, test } from 'vitest';
import { ApiError, isConflict, isGone, NetworkError, ProtocolError } from './client.ts';
import type { ConfigMap, Service } from './objects.ts';
import { CONFIG_MAPS, NODES, SERVICES } from './resources.ts';
import {
  type Script,
  type ScriptedServer,
  sendJson,
  sendStatus,
  startScriptedServer,
} from './testing/scripted-server.ts';

let server: ScriptedServer;

/** A server that ends with the test, however many the test starts. */
async function startClosedAfterwards(script: Script): Promise<ScriptedServer> {
  const started = await startScriptedServer(script);
  onTestFinished(() => started.close());
  return started;
}

async function given(script: Script, options: { requestTimeoutMs?: number } = {}) {
  server = await startClosedAfterwards(script);
  return server.client({ requestTimeoutMs: 2_000, ...options });
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('expected a failure');
    },
    (error: unknown) => error,
  );
}

test('a field that we do not know and the form of dates survive a read and a write', async () => {
  const stored = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a', namespace: 'n', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '7' },
    spec: { fieldOfTheFuture: { deep: [1] } },
  };
  const client = await given((request, response) => {
    sendJson(response, request.method === 'PUT' ? JSON.parse(request.body) : stored);
  });
  const service = await client.get(SERVICES, { namespace: 'n', name: 'a' });
  expect(await client.replace(SERVICES, service, { subresource: 'status' })).toEqual(stored);
  expect(server.requests.map((r) => `${r.method} ${r.url.pathname}`)).toEqual([
    'GET /api/v1/namespaces/n/services/a',
    'PUT /api/v1/namespaces/n/services/a/status',
  ]);
  expect(server.requests[0]?.headers.authorization).toBe('Bearer first');
});

test('items of a list carry their type, and pages lead on', async () => {
  const client = await given((_request, response) =>
    sendJson(response, {
      metadata: { resourceVersion: '5', continue: 'more' },
      items: [{ metadata: { name: 'a' } }],
    }),
  );
  const list = await client.list(SERVICES, { labelSelector: 'a=b', limit: 1 });
  expect(list).toEqual({
    resourceVersion: '5',
    continueToken: 'more',
    items: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } }],
  });
  expect(server.requests[0]?.url.search).toBe('?labelSelector=a%3Db&limit=1');
});

test('a patch names its kind and its manager', async () => {
  const client = await given((_request, response) => sendJson(response, {}));
  await client.patch(NODES, { name: 'a' }, { x: 1 }, { type: 'apply', fieldManager: 'me', force: true });
  expect(server.requests[0]?.headers['content-type']).toBe('application/apply-patch+yaml');
  expect(server.requests[0]?.url.search).toBe('?fieldManager=me&force=true');
});

test('a refusal carries status, reason and message', async () => {
  const client = await given((_request, response) => sendStatus(response, 409, 'Conflict'));
  const error = await failure(
    client.create<ConfigMap>(CONFIG_MAPS, { metadata: { namespace: 'n', name: 'a' } }),
  );
  expect(error).toBeInstanceOf(ApiError);
  expect(isConflict(error)).toBe(true);
  expect(error).toMatchObject({ statusCode: 409, reason: 'Conflict', message: 'Conflict on purpose' });
});

test('a busy server is asked again after the time it named, and a write is not repeated after 503', async () => {
  const client = await given((request, response, index) => {
    if (request.method === 'PUT') sendStatus(response, 503, 'ServiceUnavailable', { 'retry-after': '1' });
    else if (index === 0) sendStatus(response, 429, 'TooManyRequests', { 'retry-after': '1' });
    else sendJson(response, { metadata: { name: 'a' } });
  });
  await client.get(NODES, { name: 'a' });
  expect(server.requests).toHaveLength(2);
  const error = await failure(client.replace(NODES, { metadata: { name: 'a' } }));
  expect(error).toMatchObject({ statusCode: 503, retryAfterMs: 1000 });
  expect(server.requests).toHaveLength(3);
});

test('a server that does not answer is given up in time, also in the middle of an answer', async () => {
  const client = await given((request, response) => {
    if (request.url.pathname === '/half') {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half');
    }
  });
  const silent = await failure(client.getText('/silent', { timeoutMs: 100 }));
  expect(silent).toMatchObject({ name: 'NetworkError', phase: 'response', timedOut: true });
  const half = await failure(client.getText('/half', { timeoutMs: 100 }));
  expect(half).toMatchObject({ name: 'NetworkError', phase: 'body', timedOut: true });
  expect(client.health.failing).toBe(true);
});

test('recovery is told to those who wait for it', async () => {
  let silent = true;
  const client = await given((_request, response) => {
    if (!silent) sendJson(response, {});
  });
  let recoveries = 0;
  client.health.onRecovery(() => recoveries++);
  await failure(client.getText('/', { timeoutMs: 50 }));
  silent = false;
  await client.getText('/');
  await client.getText('/');
  expect(recoveries).toBe(1);
});

test('a connection that the server closed while idle costs a read nothing', async () => {
  const client = await given((_request, response) => sendJson(response, {}));
  await client.getText('/');
  server.cutAll();
  await client.getText('/');
  expect(server.requests).toHaveLength(2);
});

test('a rotated token is picked up when the old one is refused', async () => {
  let accepted = 'first';
  const client = await given((request, response) => {
    if (request.headers.authorization === `Bearer ${accepted}`) sendJson(response, {});
    else sendStatus(response, 401, 'Unauthorized');
  });
  await client.getText('/');
  accepted = 'second';
  server.setToken('second');
  await client.getText('/');
  expect(server.requests).toHaveLength(3);
  accepted = 'third';
  expect(await failure(client.getText('/'))).toMatchObject({ statusCode: 401 });
});

test('a call can be aborted, and closing ends all', async () => {
  const client = await given(() => {});
  const controller = new AbortController();
  const aborted = failure(client.getText('/', { signal: controller.signal }));
  controller.abort(new Error('enough'));
  expect(await aborted).toMatchObject({ message: 'enough' });
  const closed = failure(client.getText('/'));
  client.close();
  expect(await closed).toMatchObject({ message: 'the client was closed' });
});

/** Serves `lines` as a watch and collects what the client makes of them. */
async function watch(lines: string, end: 'end' | 'cut' | 'stay' = 'end') {
  const client = await given((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(lines, () => {
      if (end === 'end') response.end();
      if (end === 'cut') response.destroy();
    });
  });
  const types: string[] = [];
  const controller = new AbortController();
  const options = { resourceVersion: '1', timeoutSeconds: 3, signal: controller.signal };
  const stream = client.watch<Service>(SERVICES, options);
  const run = async () => {
    for await (const event of stream) {
      types.push(`${event.type} ${event.object.metadata?.resourceVersion}`);
      if (end === 'stay') controller.abort(new Error('stopped'));
    }
  };
  return {
    types,
    error: await run().then(
      () => undefined,
      (error: unknown) => error,
    ),
  };
}
const added = '{"type":"ADDED","object":{"metadata":{"name":"ä","resourceVersion":"2"}}}\n';
const bookmark = '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"3"}}}\n';

test('a watch delivers events and bookmarks, asks for bookmarks, and ends with the server', async () => {
  expect(await watch(`${added}\n${bookmark}`)).toEqual({
    types: ['ADDED 2', 'BOOKMARK 3'],
    error: undefined,
  });
  expect(server.requests[0]?.url.search).toBe(
    '?watch=true&allowWatchBookmarks=true&resourceVersion=1&timeoutSeconds=3',
  );
});

test('a watch that is cut, aborted, or talks nonsense says so', async () => {
  expect((await watch(added, 'cut')).error).toBeInstanceOf(NetworkError);
  expect((await watch(added, 'stay')).error).toMatchObject({ message: 'stopped' });
  for (const bad of [
    'nonsense\n',
    '{"type":"ADDED"}\n',
    '{"type":"X","object":{}}\n',
    '{"type":"ADDED","object":{}}\n',
    '{"half',
  ]) {
    const result = await watch(added + bad);
    expect(result.types).toEqual(['ADDED 2']);
    expect(result.error).toBeInstanceOf(ProtocolError);
  }
});

test('an ERROR event becomes the error it describes', async () => {
  const { error } = await watch(
    '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"old"}}\n',
  );
  expect(isGone(error)).toBe(true);
});

test('calls over the client-side limit wait, urgent ones do not', async () => {
  server = await startClosedAfterwards((_request, response) => sendJson(response, {}));
  const client = await server.client({ qps: 1, burst: 1 });
  await client.getText('/');
  const error = await failure(client.getText('/', { timeoutMs: 50 }));
  expect(error).toMatchObject({ name: 'NetworkError', timedOut: true });
  await client.getText('/', { timeoutMs: 1_000, urgent: true });
  expect(server.requests).toHaveLength(2);
});
