// SPDX-License-Identifier: Apache-2.0
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from './api/objects.ts';
import { at, stringOf } from './api/objects.ts';
import { parseTokenFile } from './auth/user.ts';
import { type ApiServerHandle, createApiServer } from './server.ts';
import { createTestClient, type TestClient } from './testing/client.ts';

const PATH = '/api/v1/namespaces/default/configmaps';

let server: ApiServerHandle;
let client: TestClient;
let count = 0;

beforeAll(async () => {
  server = await createApiServer({ tokens: parseTokenFile('a,admin,1,"system:masters"\nb,bob,2\n') });
  client = createTestClient(server);
});
afterEach(() => server.faults.clear());
afterAll(async () => {
  client.close();
  await server.close();
});

function body(): JsonObject {
  count += 1;
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `m${count}` } };
}

/** Resolves with the error code of a request that must fail on the wire. */
async function wireError(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
  throw new Error('the request was answered');
}

async function untilServed(): Promise<void> {
  for (;;) {
    const answer = await client.get('/healthz').catch(() => undefined);
    if (answer?.code === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('request faults', () => {
  it('answer with errors that clients know how to treat', async () => {
    server.faults.setRules([
      {
        select: { verbs: ['create'], resources: ['configmaps'] },
        status: 429,
        retryAfterSeconds: 2,
        times: 1,
      },
      { select: { verbs: ['list'] }, status: 500 },
    ]);
    const busy = await client.post(PATH, body());
    expect(busy.code).toBe(429);
    expect(busy.headers['retry-after']).toBe('2');
    expect(busy.body).toMatchObject({ reason: 'TooManyRequests', details: { retryAfterSeconds: 2 } });
    expect((await client.post(PATH, body())).code).toBe(201);
    expect((await client.get(PATH)).code).toBe(500);
    expect(server.faults.report().hits).toEqual([1, 1]);
  });

  it('can carry a request out and lose its answer', async () => {
    server.faults.setRules([{ select: { verbs: ['create'] }, drop: true, when: 'after' }]);
    const sent = body();
    expect(await wireError(client.post(PATH, sent))).toBe('ECONNRESET');
    const name = stringOf(at(sent, 'metadata', 'name'));
    expect((await client.get(`${PATH}/${name}`)).code).toBe(200);
    server.faults.setRules([{ select: { verbs: ['update'] }, status: 503, when: 'after' }]);
    const lost = await client.put(`${PATH}/${name}`, { ...sent, data: { done: 'yes' } });
    expect(lost.code).toBe(503);
    expect(at((await client.get(`${PATH}/${name}`)).body, 'data', 'done')).toBe('yes');
  });

  it('delay', async () => {
    server.faults.setRules([{ select: { verbs: ['get'] }, latencyMs: 60 }]);
    const started = performance.now();
    await client.get(`${PATH}/none`);
    expect(performance.now() - started).toBeGreaterThanOrEqual(55);
  });

  it('can be for one user', async () => {
    server.faults.setRules([{ select: { users: ['bob'] }, status: 500 }]);
    expect((await client.get(PATH)).code).toBe(200);
    expect((await client.get(PATH, { token: 'b' })).code).toBe(500);
  });
});

describe('watch faults', () => {
  it('cut all watches', async () => {
    const watch = await client.watch(`${PATH}?watch=1`);
    server.faults.cutWatches();
    expect(await watch.ended).toBe(false);
  });

  it('stall watches and deliver everything afterwards', async () => {
    const { body: list } = await client.get(PATH);
    const watch = await client.watch(
      `${PATH}?watch=1&resourceVersion=${at(list, 'metadata', 'resourceVersion')}`,
    );
    server.faults.stallWatches();
    await client.post(PATH, body());
    const late = await client.watch(
      `${PATH}?watch=1&resourceVersion=${at(list, 'metadata', 'resourceVersion')}`,
    );
    await client.post(PATH, body());
    expect(watch.events.length + late.events.length).toBe(0);
    server.faults.releaseWatches('send');
    expect((await watch.atLeast(2)).length).toBe(2);
    expect((await late.atLeast(2)).length).toBe(2);
    watch.stop();
    late.stop();
  });

  it('stall watches and lose them', async () => {
    const watch = await client.watch(`${PATH}?watch=1&resourceVersion=${server.store.revision}`);
    server.faults.stallWatches();
    await client.post(PATH, body());
    server.faults.releaseWatches('cut');
    expect(await watch.ended).toBe(false);
    expect(watch.events).toEqual([]);
  });
});

describe('outages', () => {
  it('refuse connections, then serve again on the same port with everything kept', async () => {
    const watch = await client.watch(`${PATH}?watch=1`);
    await server.faults.outage('refuse', 100);
    expect(await watch.ended).toBe(false);
    expect(await wireError(client.get(PATH))).toBe('ECONNREFUSED');
    await untilServed();
    expect((await client.get(`${PATH}/m1`)).code).toBe(404);
    expect((await client.get('/api/v1/namespaces/default')).code).toBe(200);
  });

  it('swallow requests on old and new connections', async () => {
    await client.get(PATH);
    await server.faults.outage('blackhole', 150);
    const answers = [client.get(PATH), client.get(PATH), client.get('/healthz')].map((work) =>
      work.then(
        () => 'answered',
        () => 'cut',
      ),
    );
    expect(await Promise.all(answers)).toEqual(['cut', 'cut', 'cut']);
    await untilServed();
  });

  it('restart forgets the history', async () => {
    const before = server.store.revision;
    await client.post(PATH, body());
    await server.faults.restart(10);
    await untilServed();
    const watch = await client.watch(`${PATH}?watch=1&resourceVersion=${before}`);
    expect((await watch.atLeast(1))[0]).toMatchObject({ type: 'ERROR', object: { code: 410 } });
  });
});

describe('the faults endpoint', () => {
  const order = (body: unknown) => client.post('/fairlead/faults', body);

  it('is for admins', async () => {
    expect((await client.get('/fairlead/faults', { token: 'b' })).code).toBe(403);
  });

  it('sets rules, stalls, compacts and clears', async () => {
    const rules = [{ select: { verbs: ['get'], resources: ['configmaps'] }, status: 503, rate: 1 }];
    expect((await order({ rules, seed: 3, watches: 'stall', compact: true })).body).toMatchObject({
      rules: [{ status: 503 }],
      watchesStalled: true,
    });
    expect((await client.get(`${PATH}/x`)).code).toBe(503);
    await order({ clear: true });
    expect((await client.get('/fairlead/faults')).body).toMatchObject({ rules: [], watchesStalled: false });
  });

  it('orders outages that end by themselves', async () => {
    expect((await order({ outage: 'refuse' })).code).toBe(400);
    expect((await order({ outage: 'refuse', forMs: 50 })).code).toBe(200);
    await untilServed();
    expect((await order({ restart: {} })).code).toBe(200);
    await untilServed();
  });

  it('says what is wrong with an order', async () => {
    expect((await order({ watches: 'dance' })).body.message).toContain('watches: expected one of cut, stall');
    expect((await order({ rules: [{ status: 418 }] })).body.message).toContain('status: expected one of 409');
  });
});
