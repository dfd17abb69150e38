// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, it } from 'vitest';
import { type CheckReport, type StatusServer, startStatusServer } from './http.ts';
import { silentLogger } from './logging.ts';
import { createRegistry } from './metrics.ts';

let server: StatusServer | undefined;
afterEach(() => server?.close());

async function serve(ready: () => CheckReport) {
  const registry = createRegistry({ program: 'test', version: '1.2.3' });
  const health = () => [{ name: 'ping', ok: true }];
  server = await startStatusServer({
    host: '127.0.0.1',
    port: 0,
    health,
    ready,
    registry,
    documents: { '/status': () => ({ node: 'a', well: true }) },
    logger: silentLogger,
  });
  const { port } = server;
  return async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return {
      status: response.status,
      text: await response.text(),
      type: response.headers.get('content-type'),
    };
  };
}

it('answers probes with one line per check', async () => {
  let synced = false;
  const get = await serve(() => [
    { name: 'services', ok: synced, ...(!synced && { detail: 'not listed yet' }) },
    { name: 'lease', ok: true },
  ]);
  expect(await get('/readyz')).toMatchObject({
    status: 503,
    text: '[-] services: not listed yet\n[+] lease\nfailed\n',
  });
  synced = true;
  expect(await get('/readyz')).toMatchObject({ status: 200, text: '[+] services\n[+] lease\nok\n' });
  expect(await get('/healthz')).toMatchObject({ status: 200 });
  expect(await get('/livez')).toMatchObject({ status: 200 });
  expect(await get('/other')).toMatchObject({ status: 404 });
});

it('serves metrics in the Prometheus text format', async () => {
  const get = await serve(() => []);
  const { status, text, type } = await get('/metrics');
  expect(status).toBe(200);
  expect(type).toContain('text/plain');
  expect(text).toContain('fairlead_build_info{program="test",version="1.2.3"');
  expect(text).toMatch(/process_resident_memory_bytes \d+/);
});

it('serves the documents of the program as JSON', async () => {
  const get = await serve(() => []);
  expect(await get('/status')).toEqual({
    status: 200,
    text: '{"node":"a","well":true}',
    type: 'application/json; charset=utf-8',
  });
});

it('answers what asks for nothing, and refuses what is no question', async () => {
  const get = await serve(() => [{ name: 'lease', ok: true }]);
  expect(await get('/readyz?verbose')).toMatchObject({ status: 200 });
  const url = `http://127.0.0.1:${server?.port}/readyz`;
  const head = await fetch(url, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
  expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(404);
});

it('answers 500 and stays up when a check throws', async () => {
  const get = await serve(() => {
    throw new Error('broken');
  });
  expect(await get('/readyz')).toMatchObject({ status: 500 });
  expect(await get('/healthz')).toMatchObject({ status: 200 });
});
