// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProxyListener, ProxyOptions, ProxyTarget } from './listener.ts';
import { proxyHeader } from './proxy-protocol.ts';
import { listenerOf } from './testing/listeners.ts';
import { freshAddress, Loopback, until } from './testing/loopback.ts';
import { silentTarget } from './testing/silent-target.ts';

/** More than the kernel keeps for the four ends of two connections. */
const BIG = 48 * 1024 * 1024;

describe('a TCP listener', () => {
  let net: Loopback;
  let address: string;
  beforeEach(() => {
    net = new Loopback();
    address = freshAddress();
  });
  afterEach(() => net.end());

  /** Begins, or changes, the one listener of a test. */
  const listen = async (
    targets: readonly ProxyTarget[],
    options: Partial<ProxyOptions> = {},
    parts: Partial<ProxyListener> = {},
  ): Promise<ProxyListener> => {
    const listener = listenerOf(targets, { address, port: 7_000, ...parts }, options);
    await net.listen([listener]);
    return listener;
  };

  it('carries bytes both ways, in turn to each target', async () => {
    const listener = await listen([await net.echo('one '), await net.echo('two ')]);
    const heard: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const client = net.client(listener);
      client.say('hello');
      await client.hears('hello');
      client.socket.end();
      heard.push(await client.ends());
    }
    expect(heard).toEqual(['one hello', 'two hello', 'one hello', 'two hello']);
    await until('all to be closed', () => net.statsOf(listener)?.open === 0);
    expect(net.statsOf(listener)).toMatchObject({ refused: 0, bytesIn: 20, bytesOut: 36 });
  });

  it('keeps a connection of which the client has said its last word until the target has, too', async () => {
    const target = await net.target((socket) => {
      let all = '';
      socket.on('data', (chunk) => {
        all += chunk.toString();
      });
      socket.on('end', () => socket.end(`got ${all}`));
    });
    const client = net.client(await listen([target]));
    client.socket.end('everything');
    expect(await client.ends()).toBe('got everything');
  });

  it('keeps a connection of which the target has said its last word until the client has, too', async () => {
    let got = '';
    const target = await net.target((socket) => {
      socket.end('bye');
      socket.on('data', (chunk) => {
        got += chunk.toString();
      });
    });
    const listener = await listen([target]);
    const client = net.client(listener);
    expect(await client.ends()).toBe('bye');
    client.socket.end('one more thing');
    await until('the last words', () => got === 'one more thing');
    await until('the end', () => net.statsOf(listener)?.open === 0);
  });

  it('passes resets on, both ways', async () => {
    const sockets: Socket[] = [];
    const codes: (string | undefined)[] = [];
    const target = await net.target((socket) => {
      sockets.push(socket);
      socket.write('hello');
      socket.on('error', (error: NodeJS.ErrnoException) => codes.push(error.code));
    });
    const listener = await listen([target]);
    const [first, second] = [net.client(listener), net.client(listener)];
    await Promise.all([first.hears('hello'), second.hears('hello')]);
    first.socket.resetAndDestroy();
    await until('the reset at the target', () => codes.includes('ECONNRESET'));
    sockets.find((socket) => !socket.destroyed)?.resetAndDestroy();
    await second.isReset();
  });

  it('asks another target when one refuses, and the client does not notice', async () => {
    const dead = await net.closed();
    const listener = await listen([dead, await net.echo()]);
    for (let turn = 0; turn < 4; turn += 1) {
      const client = net.client(listener);
      client.socket.end('x');
      expect(await client.ends()).toBe('x');
    }
    expect(net.statsOf(listener)?.targets.get(dead.id)).toMatchObject({
      served: 0,
      failures: 2,
      isOut: true,
    });
  });

  it('asks another target when one resets before anybody has said anything', async () => {
    const rude = await net.target((socket) => socket.resetAndDestroy());
    const listener = await listen([rude, await net.echo('hello')]);
    await net.client(listener).hears('hello');
    expect(net.statsOf(listener)?.targets.get(rude.id)?.failures).toBe(1);
  });

  it('does not ask another one once something was said: it could be done twice', async () => {
    const rude = await net.target((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const asked: Socket[] = [];
    const listener = await listen([rude, await net.target((socket) => asked.push(socket))]);
    const client = net.client(listener);
    client.say('pay 5');
    await client.isReset();
    expect(asked).toEqual([]);
  });

  it('gives up on a target that does not answer, in the time it has for that', async () => {
    const silent = await silentTarget();
    try {
      const listener = await listen([silent.target, await net.echo('hello')], { connectTimeoutMs: 50 });
      await net.client(listener).hears('hello');
      expect(net.statsOf(listener)?.targets.get(silent.target.id)?.failures).toBe(1);
    } finally {
      await silent.end();
    }
  });

  it('resets a client that nobody takes, after so many attempts', async () => {
    const dead = await Promise.all([net.closed(), net.closed(), net.closed()]);
    const listener = await listen(dead, { attempts: 2 });
    await net.client(listener).isReset();
    const stats = net.statsOf(listener);
    expect(stats?.refused).toBe(1);
    expect([...(stats?.targets.values() ?? [])].map(({ failures }) => failures)).toEqual([1, 1, 0]);
    await listen([]);
    await net.client(listener).isReset();
  });

  it('refuses one connection too many', async () => {
    const listener = await listen([await net.echo('hello')], { maxConnections: 1 });
    const first = net.client(listener);
    await first.hears('hello');
    await net.client(listener).isReset();
    expect(net.statsOf(listener)?.refused).toBe(1);
    first.socket.end();
    await first.ends();
    await until('room', () => net.statsOf(listener)?.open === 0);
    await net.client(listener).hears('hello');
  });

  it('lets clients wait for room at a target, in order, but not for ever', async () => {
    const listener = await listen([await net.echo('hello')], { maxPerTarget: 1, queueTimeoutMs: 30_000 });
    const first = net.client(listener);
    await first.hears('hello');
    const second = net.client(listener);
    second.say(' there');
    await until('the second to come', () => net.statsOf(listener)?.open === 2);
    expect(second.heard).toBe('');
    first.socket.end();
    await second.hears('hello there');
    const impatient = await listen(listener.targets, { maxPerTarget: 1, queueTimeoutMs: 20 });
    await net.client(impatient).isReset();
    expect(second.outcome).toBeUndefined();
  });

  it('gives those who wait a target that comes', async () => {
    const target = await net.echo('hello');
    const listener = await listen([target], { maxPerTarget: 1, queueTimeoutMs: 30_000 });
    await net.client(listener).hears('hello');
    const second = net.client(listener);
    await until('the second to come', () => net.statsOf(listener)?.open === 2);
    await listen([target, await net.echo('welcome')], { maxPerTarget: 1, queueTimeoutMs: 30_000 });
    await second.hears('welcome');
  });

  it('closes connections over which nothing goes, and those of which one side has nothing more to say', async () => {
    const idle = await listen([await net.echo('hello')], { idleTimeoutMs: 40 });
    await net.client(idle).isReset();
    const deaf = await net.target((socket) => socket.resume());
    const half = await listen([deaf], { halfClosedTimeoutMs: 40 });
    const client = net.client(half);
    client.socket.end('bye');
    await client.isReset();
  });

  it('holds a sender back whose receiver does not read, and loses nothing', { timeout: 60_000 }, async () => {
    const sent = randomBytes(BIG);
    const hash = createHash('sha256').update(sent).digest('hex');
    const back = createHash('sha256');
    let served: Socket | undefined;
    const target = await net.target((socket) => {
      served = socket;
      socket.on('data', (chunk) => {
        back.update(chunk);
      });
      socket.on('end', () => socket.end(sent));
      socket.pause();
    });
    const listener = await listen([target]);
    const client = net.client(listener);
    client.socket.end(sent);
    await settled(() => net.statsOf(listener)?.bytesIn ?? 0);
    expect(net.statsOf(listener)?.bytesIn).toBeLessThan(BIG / 2);
    client.socket.pause();
    served?.resume();
    await until('all to be there', () => net.statsOf(listener)?.bytesIn === BIG);
    await settled(() => net.statsOf(listener)?.bytesOut ?? 0);
    expect(net.statsOf(listener)?.bytesOut).toBeLessThan(BIG / 2);
    client.socket.resume();
    const heard = await client.ends();
    expect(createHash('sha256').update(Buffer.from(heard, 'latin1')).digest('hex')).toBe(hash);
    expect(back.digest('hex')).toBe(hash);
  });

  it('stays with a target for a client that comes back', async () => {
    const listener = await listen(
      [await net.echo('one'), await net.echo('two')],
      {},
      { affinitySeconds: 60 },
    );
    const [mine, other] = [freshAddress(), freshAddress()];
    const answer = async (from: string) => {
      const client = net.client(listener, from);
      client.socket.end();
      return await client.ends();
    };
    expect([await answer(mine), await answer(other), await answer(mine), await answer(mine)]).toEqual([
      'one',
      'two',
      'one',
      'one',
    ]);
  });

  describe('and the PROXY protocol', () => {
    /** A target that notes the first thing it hears. */
    const noting = async () => {
      const heard: Buffer[] = [];
      const target = await net.target((socket) =>
        socket.once('data', (chunk) => {
          heard.push(chunk);
          socket.end('ok');
        }),
      );
      return { target, heard };
    };

    for (const version of [1, 2] as const) {
      it(`names the client by version ${version}`, async () => {
        const { target, heard } = await noting();
        const client = net.client(await listen([target], { sendProxyProtocol: version }));
        await client.ends();
        const { localAddress = '', localPort = 0 } = client.socket;
        const source = { address: localAddress, port: localPort };
        expect(heard[0]).toEqual(proxyHeader(version, { source, destination: { address, port: 7_000 } }));
      });

      it(`believes who sends version ${version}, in whatever pieces it comes`, async () => {
        const { target, heard } = await noting();
        const listener = await listen([target], { acceptProxyProtocol: true, sendProxyProtocol: 1 });
        const client = net.client(listener);
        client.socket.setNoDelay(true);
        const ends = {
          source: { address: '192.0.2.1', port: 40_000 },
          destination: { address: '198.51.100.7', port: 443 },
        };
        const header = proxyHeader(version, ends);
        client.say(header.subarray(0, 7));
        await new Promise((resolve) => setImmediate(resolve));
        client.say(Buffer.concat([header.subarray(7), Buffer.from('hello')]));
        await client.ends();
        expect(heard[0]?.toString()).toContain('PROXY TCP4 192.0.2.1 198.51.100.7 40000 443\r\n');
      });
    }

    it('refuses who does not send it', async () => {
      const listener = await listen([await net.echo('hello')], { acceptProxyProtocol: true });
      const client = net.client(listener);
      client.say('GET / HTTP/1.1\r\n\r\n');
      await client.isReset();
      expect(client.heard).toBe('');
      expect(net.statsOf(listener)?.refused).toBe(1);
    });

    it('loses nothing that comes with the header', async () => {
      const listener = await listen([await net.echo()], { acceptProxyProtocol: true });
      const client = net.client(listener);
      client.socket.end('PROXY UNKNOWN\r\nhello');
      expect(await client.ends()).toBe('hello');
    });
  });

  describe('whose target is taken away', () => {
    it('lets what runs over it go on, and sends nothing new there', async () => {
      const [leaving, other] = [await net.echo('one'), await net.echo('two')];
      const listener = await listen([leaving, other]);
      const client = net.client(listener);
      await client.hears('one');
      await listen([other]);
      await Promise.all([net.client(listener).hears('two'), net.client(listener).hears('two')]);
      client.say(' still here');
      await client.hears('one still here');
    });

    it('ends it after its time, unless the target comes back', async () => {
      const [leaving, other] = [await net.echo('one'), await net.echo('two')];
      const listener = await listen([leaving, other], { drainMs: 30 });
      const client = net.client(listener);
      await client.hears('one');
      await listen([other], { drainMs: 30 });
      await client.isReset();
      const stays = net.client(await listen([leaving], { drainMs: 30_000 }));
      await stays.hears('one');
      await listen([other], { drainMs: 30_000 });
      await listen([leaving], { drainMs: 30_000 });
      stays.say(' still here');
      await stays.hears('one still here');
    });
  });
});

/** Resolves when a count does not grow any more. */
async function settled(count: () => number): Promise<void> {
  let [before, quiet] = [-1, 0];
  await until('an end of growth', () => {
    quiet = count() > 0 && count() === before ? quiet + 1 : 0;
    before = count();
    return quiet >= 20;
  });
}
