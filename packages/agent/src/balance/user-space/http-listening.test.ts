// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  request,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPki } from '@fairlead/test-apiserver/pki.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProxyListener, ProxyOptions, ProxyTarget } from './listener.ts';
import { listenerOf } from './testing/listeners.ts';
import { freshAddress, Loopback, until } from './testing/loopback.ts';
import { silentTarget } from './testing/silent-target.ts';

const http = { scheme: 'http', basePath: '' } as const;

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of message) body += String(chunk);
  return body;
}

describe('an HTTP listener', () => {
  let net: Loopback;
  let address: string;
  const agents: Agent[] = [];
  beforeEach(() => {
    net = new Loopback();
    address = freshAddress();
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) agent.destroy();
    await net.end();
  });

  const target = async (serve: RequestListener): Promise<ProxyTarget> => {
    return { ...(await net.serve(createServer(serve))), http };
  };
  /** Answers with its name, and what it was asked. */
  const named = (name: string) =>
    target(async (incoming, response) => {
      const body = await bodyOf(incoming);
      response.end(`${name} ${incoming.method} ${incoming.url} ${body.length}`);
    });
  const dead = async (): Promise<ProxyTarget> => ({ ...(await net.closed()), http });

  const listen = async (
    targets: readonly ProxyTarget[],
    options: Partial<ProxyOptions> = {},
    parts: Partial<ProxyListener> = {},
  ): Promise<ProxyListener> => {
    const listener = listenerOf(targets, { mode: 'http', address, port: 7_000, ...parts }, options);
    await net.listen([listener]);
    return listener;
  };

  const ask = async (options: RequestOptions = {}, body: string | Buffer = ''): Promise<Answer> => {
    const asking = request({ host: address, port: 7_000, agent: false, ...options });
    asking.end(body);
    const [message] = (await once(asking, 'response')) as [IncomingMessage];
    return { status: message.statusCode, headers: message.headers, body: await bodyOf(message) };
  };

  it('carries each request of a connection to the next target', async () => {
    const listener = await listen([await named('one'), await named('two')]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    const bodies: string[] = [];
    for (const path of ['/a', '/b', '/c']) bodies.push((await ask({ agent, path })).body);
    expect(bodies).toEqual(['one GET /a 0', 'two GET /b 0', 'one GET /c 0']);
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
    await until('the end', () => net.statsOf(listener)?.open === 0);
  });

  it('carries big bodies both ways, and counts them', { timeout: 60_000 }, async () => {
    const big = 'x'.repeat(8 * 1024 * 1024);
    const mirror = await target((incoming, response) => {
      incoming.pipe(response);
    });
    const listener = await listen([mirror]);
    const { body } = await ask({ method: 'POST' }, big);
    expect(body === big).toBe(true);
    expect(net.statsOf(listener)).toMatchObject({ bytesIn: big.length, bytesOut: big.length });
    const chunked = await ask({ method: 'PUT', headers: { 'Transfer-Encoding': 'chunked' } }, 'in chunks');
    expect(chunked.body).toBe('in chunks');
  });

  it('holds a target back whose client does not read', { timeout: 60_000 }, async () => {
    const size = 48 * 1024 * 1024;
    const generous = await target((_, response) => {
      response.end(Buffer.alloc(size));
    });
    const listener = await listen([generous]);
    const asking = request({ host: address, port: 7_000, agent: false });
    asking.end();
    const [message] = (await once(asking, 'response')) as [IncomingMessage];
    let [before, quiet] = [-1, 0];
    await until('an end of growth', () => {
      const now = net.statsOf(listener)?.bytesOut ?? 0;
      quiet = now > 0 && now === before ? quiet + 1 : 0;
      before = now;
      return quiet >= 20;
    });
    expect(before).toBeLessThan(size / 2);
    expect((await bodyOf(message)).length).toBe(size);
  });

  it('passes on what was said, who said it, and what was answered', async () => {
    let seen: IncomingMessage | undefined;
    const strict = await target((incoming, response) => {
      seen = incoming;
      response.writeHead(418, 'Short and stout', { 'X-Kind': 'teapot', 'Set-Cookie': ['a=1', 'b=2'] });
      response.end();
    });
    await listen([{ ...strict, http: { scheme: 'http', basePath: '/base' } }]);
    const headers = { Host: 'tea.example', 'X-Forwarded-For': '203.0.113.9', Connection: 'close' };
    const answer = await ask({ path: '/pot?size=1', headers, localAddress: '127.9.9.9' });
    expect(seen?.url).toBe('/base/pot?size=1');
    expect(seen?.headers).toMatchObject({
      host: 'tea.example',
      'x-forwarded-for': '203.0.113.9, 127.9.9.9',
      'x-forwarded-host': 'tea.example',
      'x-forwarded-proto': 'http',
    });
    expect(answer).toMatchObject({
      status: 418,
      headers: { 'x-kind': 'teapot', 'set-cookie': ['a=1', 'b=2'] },
    });
  });

  it('passes an answer on as it comes: an event stream may never end', async () => {
    const stream = await target((_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('data: first\n\n');
    });
    await listen([stream]);
    const asking = request({ host: address, port: 7_000, agent: false });
    asking.on('error', () => undefined);
    asking.end();
    const [message] = (await once(asking, 'response')) as [IncomingMessage];
    const [chunk] = (await once(message, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('data: first\n\n');
    asking.destroy();
  });

  it('ends the request to the target when its client is gone', async () => {
    let isGone = false;
    const patient = await target((incoming) => {
      incoming.on('close', () => {
        isGone = true;
      });
    });
    const listener = await listen([patient]);
    const asking = request({ host: address, port: 7_000, agent: false });
    asking.on('error', () => undefined);
    asking.end();
    await until('the request', () => net.statsOf(listener)?.targets.get(patient.id)?.open === 1);
    asking.destroy();
    await until('its end', () => isGone);
    await until('the count', () => (net.statsOf(listener)?.targets.get(patient.id)?.open ?? 0) === 0);
  });

  it('answers HEAD, and what comes after Expect: 100-continue', async () => {
    await listen([await named('one')]);
    expect((await ask({ method: 'HEAD' })).body).toBe('');
    const asking = request({
      host: address,
      port: 7_000,
      agent: false,
      method: 'POST',
      headers: { Expect: '100-continue' },
    });
    asking.flushHeaders();
    await once(asking, 'continue');
    asking.end('body');
    const [message] = (await once(asking, 'response')) as [IncomingMessage];
    expect(await bodyOf(message)).toBe('one POST / 4');
  });

  describe('with targets that fail', () => {
    it('asks another one when one refuses, even with a body, and whatever the method', async () => {
      const down = await dead();
      const listener = await listen([down, await named('living')]);
      const body = 'x'.repeat(1_000_000);
      const answers: string[] = [];
      for (const method of ['GET', 'POST', 'DELETE', 'POST']) {
        answers.push((await ask({ method }, method === 'POST' ? body : '')).body);
      }
      expect(answers).toEqual([
        'living GET / 0',
        'living POST / 1000000',
        'living DELETE / 0',
        'living POST / 1000000',
      ]);
      expect(net.statsOf(listener)?.targets.get(down.id)).toMatchObject({ served: 0, isOut: true });
    });

    it('asks another one when one breaks off before it answers, if asking twice does no harm', async () => {
      let asked = 0;
      const rude = await target((incoming) => {
        asked += 1;
        incoming.socket.resetAndDestroy();
      });
      const listener = await listen([rude, await named('living')]);
      expect((await ask()).body).toBe('living GET / 0');
      expect(asked).toBe(1);
      await listen([rude]);
      const answer = await ask({ method: 'POST' }, 'pay 5');
      expect(answer.status).toBe(502);
      expect(asked).toBe(2);
      expect(net.statsOf(listener)?.refused).toBe(1);
    });

    it('breaks the answer off when the target does, so that nobody takes it for whole', async () => {
      const rude = await target((incoming, response) => {
        response.writeHead(200, { 'Content-Length': '100' });
        response.write('half', () => incoming.socket.resetAndDestroy());
      });
      await listen([rude]);
      await expect(ask()).rejects.toThrow();
    });

    it('gives up on one that does not accept, and on one that does not answer in time', async () => {
      const silent = await silentTarget();
      try {
        const patience = { connectTimeoutMs: 50, answerTimeoutMs: 300 };
        await listen([{ ...silent.target, http }, await named('living')], patience);
        expect((await ask()).body).toBe('living GET / 0');
      } finally {
        await silent.end();
      }
      await listen([await target(() => undefined)], { answerTimeoutMs: 300 });
      expect((await ask()).status).toBe(504);
    });

    it('says that there is none', async () => {
      await listen([]);
      expect((await ask()).status).toBe(503);
      await listen([await dead(), await dead()], { attempts: 2 });
      expect((await ask()).status).toBe(502);
    });
  });

  it('lets requests wait for room at a target', async () => {
    const answers: (() => void)[] = [];
    const slow = await target((_, response) => {
      answers.push(() => response.end('done'));
    });
    const listener = await listen([slow], { maxPerTarget: 1, queueTimeoutMs: 30_000 });
    const all = [ask(), ask()];
    await until('both', () => net.statsOf(listener)?.open === 2);
    await until('the first', () => answers.length === 1);
    answers[0]?.();
    await until('the second', () => answers.length === 2);
    answers[1]?.();
    expect((await Promise.all(all)).map(({ body }) => body)).toEqual(['done', 'done']);
    await listen([slow], { maxPerTarget: 1, queueTimeoutMs: 20 });
    const held = ask();
    await until('the third', () => answers.length === 3);
    expect((await ask()).status).toBe(503);
    answers[2]?.();
    await held;
  });

  it('refuses one connection too many', async () => {
    const listener = await listen([await named('one')], { maxConnections: 1 });
    const agent = new Agent({ keepAlive: true });
    agents.push(agent);
    await ask({ agent });
    await expect(ask()).rejects.toThrow();
    expect(net.statsOf(listener)?.refused).toBe(1);
  });

  it('believes a PROXY header about who the client is', async () => {
    let client: string | string[] | undefined;
    const noting = await target((incoming, response) => {
      client = incoming.headers['x-forwarded-for'];
      response.end('ok');
    });
    const asking = net.client(await listen([noting], { acceptProxyProtocol: true }));
    asking.say('PROXY TCP4 192.0.2.1 198.51.100.7 40000 443\r\nGET / HTTP/1.0\r\n\r\n');
    expect(await asking.ends()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
    expect(client).toBe('192.0.2.1');
  });

  it('passes WebSockets on, with what comes right behind the question', async () => {
    const server = createServer();
    server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
      const words = [
        'HTTP/1.1 101 Switching Protocols',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'X-Path: ',
      ];
      socket.write(`${words.join('\r\n')}${incoming.url}\r\n\r\n`);
      socket.write(head);
      socket.on('data', (chunk) => socket.write(chunk));
      socket.on('end', () => socket.end());
    });
    const listener = await listen([{ ...(await net.serve(server)), http }]);
    const asking = net.client(listener);
    const words = ['GET /chat HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'];
    asking.say(`${words.join('\r\n')}\r\n\r\nearly`);
    await asking.hears('early');
    expect(asking.heard).toMatch(/^HTTP\/1\.1 101 /);
    expect(asking.heard).toContain('X-Path: /chat\r\n');
    asking.say(' late');
    await asking.hears('early late');
    expect(net.statsOf(listener)?.open).toBe(1);
    asking.socket.end();
    await asking.ends();
    await until('the end', () => net.statsOf(listener)?.open === 0);
  });

  it('answers a client whose upgrade the target refuses', async () => {
    const listener = await listen([await named('plain')]);
    const asking = net.client(listener);
    const words = ['GET /chat HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'];
    asking.say(`${words.join('\r\n')}\r\n\r\n`);
    expect(await asking.ends()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*plain GET \/chat 0/);
  });

  it('speaks HTTPS to targets, and checks who they are', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fairlead-https-'));
    try {
      const host = freshAddress();
      const pki = await createPki({ directory, hosts: [host] });
      const [key, cert] = await Promise.all(
        [pki.serverKeyFile, pki.serverCertificateFile].map((file) => readFile(file, 'utf8')),
      );
      const authorities = pki.caCertificate;
      const answer: RequestListener = (_, response) => {
        response.end('secret');
      };
      const secure = async (at: string) => {
        const place = await net.serve(createHttpsServer({ key, cert }, answer), at);
        return { ...place, http: { scheme: 'https', basePath: '' } } as const;
      };
      const [known, other] = [await secure(host), await secure(freshAddress())];
      await listen([known]);
      expect((await ask()).status).toBe(502);
      await listen([known], { authorities });
      expect((await ask()).body).toBe('secret');
      await listen([other], { authorities });
      expect((await ask()).status).toBe(502);
      await listen([other], { verifyTargets: false });
      expect((await ask()).body).toBe('secret');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  describe('at its end', () => {
    it('lets a request that runs have its answer, and closes its connection after it', async () => {
      const answers: (() => void)[] = [];
      const slow = await target((_, response) => {
        answers.push(() => response.end('done'));
      });
      const listener = await listen([slow]);
      const agent = new Agent({ keepAlive: true });
      agents.push(agent);
      const answer = ask({ agent });
      await until('the request', () => answers.length === 1);
      await net.listen([], [listener.id]);
      const end = net.proxies.stop(60_000);
      await expect(ask()).rejects.toThrow('ECONNREFUSED');
      answers[0]?.();
      expect((await answer).body).toBe('done');
      await end;
    });

    it('does not wait for connections over which nothing runs', async () => {
      await listen([await named('one')]);
      const agent = new Agent({ keepAlive: true });
      agents.push(agent);
      await ask({ agent });
      await net.proxies.stop(600_000);
    });
  });
});
