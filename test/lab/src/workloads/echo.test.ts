// SPDX-License-Identifier: Apache-2.0
import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { type EchoHandle, plainAddress, startEcho } from './echo.ts';

const running: EchoHandle[] = [];

async function start(drainMs = 0): Promise<EchoHandle> {
  const echo = await startEcho({ port: 0, identity: { pod: 'echo-1', node: 'worker1' }, drainMs });
  running.push(echo);
  return echo;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((echo) => echo.close()));
});

describe('echo app', () => {
  it('names the pod, the node and the client over IPv4', async () => {
    const { port } = await start();
    const reply = await fetch(`http://127.0.0.1:${port}/ip`);
    expect(await reply.json()).toEqual({
      pod: 'echo-1',
      client: '127.0.0.1',
      node: 'worker1',
      address: '127.0.0.1',
    });
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe(
      'pod=echo-1 client=127.0.0.1 node=worker1\n',
    );
  });

  it('turns unready and ready again while it goes on serving', async () => {
    const { port } = await start();
    const url = `http://127.0.0.1:${port}`;
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    await fetch(`${url}/unready`, { method: 'POST' });
    expect((await fetch(`${url}/healthz`)).status).toBe(503);
    expect((await fetch(`${url}/ip`)).status).toBe(200);
    await fetch(`${url}/ready`, { method: 'POST' });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('serves new connections while it drains, and none after', async () => {
    const echo = await start(300);
    const drained = echo.drain();
    const reply = await fetch(`http://127.0.0.1:${echo.port}/ip`);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('connection')).toBe('close');
    await drained;
    running.length = 0;
    await expect(fetch(`http://127.0.0.1:${echo.port}/ip`)).rejects.toThrow();
  });

  it('counts what it has answered', async () => {
    const url = `http://127.0.0.1:${(await start()).port}`;
    for (const path of ['/', '/ip', '/', '/healthz']) await fetch(`${url}${path}`);
    expect(await (await fetch(`${url}/served`)).text()).toBe('2\n');
  });

  it('echoes datagrams with the name of the pod', async () => {
    const { port } = await start();
    const socket = createSocket('udp4');
    const reply = new Promise<string>((resolve) => socket.once('message', (m) => resolve(m.toString())));
    socket.send('hello', port, '127.0.0.1');
    expect(await reply).toBe('echo-1 hello');
    socket.close();
  });

  it('unwraps mapped addresses only', () => {
    expect(plainAddress('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(plainAddress('fd00::1')).toBe('fd00::1');
    expect(plainAddress(undefined)).toBe('');
  });
});
