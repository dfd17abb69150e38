// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createPki, type Pki } from '@fairlead/test-apiserver/pki.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { HealthTarget, HttpProbe, Probe } from './health-check.ts';
import { createProber } from './prober.ts';

/** Long enough for a machine that does many things at once; nothing waits for it to end. */
const PATIENT_MS = 20_000;
const never = new AbortController().signal;
const open: { close(): void }[] = [];

afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listen<T extends Server>(server: T): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  });
  return (server.address() as AddressInfo).port;
}

function target(port: number, probe: Probe, timeoutMs = PATIENT_MS): HealthTarget {
  const check = { probe, intervalMs: 250, timeoutMs, rise: 1, fall: 1 };
  return { id: 'a', address: '127.0.0.1', port, check, pace: 'full' };
}

function http(parts: Partial<HttpProbe> = {}): HttpProbe {
  return { kind: 'http', path: '/healthz', host: undefined, statuses: [[200, 399]], ...parts };
}

const send = createProber(systemClock);

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

describe('a TCP probe', () => {
  it('succeeds where somebody accepts', async () => {
    const port = await listen(createServer());
    expect(await send(target(port, { kind: 'tcp' }), never)).toEqual({ ok: true, detail: 'connected' });
  });

  it('fails where nobody does, and says how', async () => {
    const outcome = await send(target(await closedPort(), { kind: 'tcp' }), never);
    expect(outcome).toEqual({ ok: false, detail: 'connection refused' });
  });
});

it('comes from a port that no masqueraded connection has', async () => {
  const server = createHttpServer((_request, response) => response.end());
  const seen: (number | undefined)[] = [];
  server.on('connection', ({ remotePort }) => seen.push(remotePort));
  const port = await listen(server);
  for (const probe of [{ kind: 'tcp' } as const, http()]) {
    expect(await send(target(port, probe), never)).toMatchObject({ ok: true });
  }
  await vi.waitFor(() => expect(seen).toHaveLength(2));
  expect(seen.every((each) => each !== undefined && each >= 61_000)).toBe(true);
});

describe('an HTTP probe', () => {
  const serve = (listener: RequestListener) => listen(createHttpServer(listener));

  it('judges by the status alone', async () => {
    const port = await serve(({ url }, response) => {
      response.statusCode = Number(url?.slice(1));
      response.end();
    });
    const outcomes = await Promise.all(
      [200, 302, 404, 503].map((status) => send(target(port, http({ path: `/${status}` })), never)),
    );
    expect(outcomes).toEqual([
      { ok: true, detail: 'status 200' },
      { ok: true, detail: 'status 302' },
      { ok: false, detail: 'status 404' },
      { ok: false, detail: 'status 503' },
    ]);
    const missing = http({ path: '/404', statuses: [[404, 404]] });
    expect(await send(target(port, missing), never)).toMatchObject({ ok: true });
  });

  it('asks for the path at the host, over a connection that is not used again', async () => {
    const seen: IncomingMessage[] = [];
    const port = await serve((request, response) => {
      seen.push(request);
      response.end();
    });
    await send(target(port, http({ path: '/up?x=1', host: 'web.example.com:81' })), never);
    await send(target(port, http()), never);
    expect(seen.map(({ url, headers }) => [url, headers.host])).toEqual([
      ['/up?x=1', 'web.example.com:81'],
      ['/healthz', `127.0.0.1:${port}`],
    ]);
    expect(seen.map(({ headers }) => headers.connection)).toEqual(['close', 'close']);
  });

  it('does not wait for the end of the answer', async () => {
    const port = await serve((_request, response) => {
      response.write('the first of many lines');
    });
    expect(await send(target(port, http()), never)).toMatchObject({ ok: true });
  });

  it('fails where what answers is no HTTP', async () => {
    const port = await listen(createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')));
    expect(await send(target(port, http()), never)).toMatchObject({ ok: false });
  });

  it('fails where the connection is accepted and nothing is said', async () => {
    const port = await listen(createServer());
    const outcome = await send(target(port, http(), 20), never);
    expect(outcome).toEqual({ ok: false, detail: 'no answer within 20 ms' });
  });

  it('does not blame the target when this process was late', async () => {
    const port = await listen(createServer());
    const lateClock: Clock = {
      ...systemClock,
      monotonicMs: () => systemClock.monotonicMs() * 100,
    };
    expect(await createProber(lateClock)(target(port, http(), 20), never)).toBe('inconclusive');
  });

  it('ends when it is told to', async () => {
    const port = await listen(createServer());
    const stop = new AbortController();
    const outcome = send(target(port, http()), stop.signal);
    stop.abort();
    expect(await outcome).toMatchObject({ ok: false });
  });

  it('fails when there is nothing that could be sent', async () => {
    expect(await send(target(1, http({ path: '/a b' })), never)).toMatchObject({ ok: false });
  });
});

describe('an HTTPS probe', () => {
  let folder: string;
  let pki: Pki;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairlead-prober-'));
    pki = await createPki({ directory: folder, hosts: ['web.example.com'] });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const serve = async () => {
    const [key, cert] = await Promise.all([readFile(pki.serverKeyFile), readFile(pki.serverCertificateFile)]);
    return listen(createHttpsServer({ key, cert }, (_request, response) => response.end()));
  };

  it('takes any certificate, as the kubelet does', async () => {
    const port = await serve();
    expect(await send(target(port, http({ kind: 'https' })), never)).toEqual({
      ok: true,
      detail: 'status 200',
    });
  });

  it('takes only the right one where it is said whom to trust', async () => {
    const port = await serve();
    const tls = { ca: pki.caCertificate };
    const probe = (parts: Partial<HttpProbe>) => send(target(port, http({ kind: 'https', ...parts })), never);
    expect(await probe({ tls })).toMatchObject({ ok: true });
    expect(await probe({ tls, host: 'web.example.com' })).toMatchObject({ ok: true });
    expect(await probe({ tls, host: 'other.example.com' })).toMatchObject({ ok: false });
    expect(await probe({ tls: { ...tls, serverName: 'web.example.com' }, host: 'x' })).toMatchObject({
      ok: true,
    });
    const other = join(folder, 'other');
    const stranger = await createPki({ directory: other, hosts: [] });
    expect(await probe({ tls: { ca: stranger.caCertificate } })).toMatchObject({ ok: false });
  });
});
