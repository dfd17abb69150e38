// SPDX-License-Identifier: Apache-2.0
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProxyListener, ProxyOptions, ProxyTarget } from './listener.ts';
import { proxyHeader } from './proxy-protocol.ts';
import { listenerOf, targetOf } from './testing/listeners.ts';
import { freshAddress, Loopback, until } from './testing/loopback.ts';

/** Sends datagrams to the listener and remembers the answers. */
class UdpTestClient {
  readonly socket: Socket;
  readonly heard: string[] = [];
  readonly #to: ProxyListener;

  constructor(socket: Socket, to: ProxyListener) {
    this.socket = socket;
    this.#to = to;
    socket.on('message', (datagram, { address, port }) => {
      if (address !== to.address || port !== to.port)
        this.heard.push(`not from the listener: ${address} ${port}`);
      else this.heard.push(datagram.toString());
    });
  }

  /** Resolves with the answer. */
  async asks(text: string): Promise<string> {
    const before = this.heard.length;
    this.says(text);
    await until(`an answer to ${text}`, () => this.heard.length > before);
    return this.heard.at(-1) ?? '';
  }

  says(text: string): void {
    this.socket.send(text, this.#to.port, this.#to.address);
  }
}

describe('a UDP listener', () => {
  let net: Loopback;
  let address: string;
  let clock: ManualClock;
  const sockets: Socket[] = [];
  beforeEach(() => {
    clock = new ManualClock();
    net = new Loopback(clock);
    address = freshAddress();
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.close();
    await net.end();
  });

  const bind = async (host = freshAddress()): Promise<Socket> => {
    const socket = createSocket('udp4');
    sockets.push(socket);
    socket.bind(0, host);
    await once(socket, 'listening');
    return socket;
  };

  /** A target that answers with its name and what it was told, and what it was told. */
  const target = async (name: string) => {
    const socket = await bind();
    const heard: Buffer[] = [];
    socket.on('message', (datagram, remote: RemoteInfo) => {
      heard.push(datagram);
      socket.send(`${name} ${datagram.toString('latin1')}`, remote.port, remote.address);
    });
    const place = socket.address();
    return { target: targetOf(place.address, place.port), heard };
  };

  const closedTarget = async (): Promise<ProxyTarget> => {
    const socket = createSocket('udp4');
    socket.bind(0, freshAddress());
    await once(socket, 'listening');
    const place = socket.address();
    socket.close();
    await once(socket, 'close');
    return targetOf(place.address, place.port);
  };

  const listen = async (
    targets: readonly ProxyTarget[],
    options: Partial<ProxyOptions> = {},
    parts: Partial<ProxyListener> = {},
  ): Promise<ProxyListener> => {
    const listener = listenerOf(targets, { mode: 'udp', address, port: 7_000, ...parts }, options);
    await net.listen([listener]);
    return listener;
  };

  const client = async (listener: ProxyListener) => new UdpTestClient(await bind(), listener);

  it('stays with one target for each client address and port, and answers from where it was asked', async () => {
    const [one, two] = [await target('one'), await target('two')];
    const listener = await listen([one.target, two.target]);
    const [first, second] = [await client(listener), await client(listener)];
    for (const text of ['a', 'b', 'c']) {
      expect(await first.asks(text)).toBe(`one ${text}`);
      expect(await second.asks(text)).toBe(`two ${text}`);
    }
    expect(net.statsOf(listener)).toMatchObject({ open: 2, bytesIn: 6, bytesOut: 30, refused: 0 });
  });

  it('asks another target what a closed one did not answer', async () => {
    const [dead, living] = [await closedTarget(), await target('living')];
    const listener = await listen([dead, living.target]);
    const asker = await client(listener);
    expect(await asker.asks('a')).toBe('living a');
    expect(await asker.asks('b')).toBe('living b');
    expect(net.statsOf(listener)?.targets.get(dead.id)).toMatchObject({ failures: 1, open: 0 });
  });

  it('forgets a flow over which nothing goes, whichever way', async () => {
    const [one, two] = [await target('one'), await target('two')];
    const listener = await listen([one.target, two.target], { flowTimeoutMs: 5_000 });
    const asker = await client(listener);
    expect(await asker.asks('a')).toBe('one a');
    clock.advance(4_000);
    expect(await asker.asks('b')).toBe('one b');
    clock.advance(5_000);
    expect(await asker.asks('c')).toBe('one c');
    // Upkeep comes every second, and plans the next one when it is done.
    await until('the flow to be forgotten', () => {
      clock.advance(1_000);
      return net.statsOf(listener)?.open === 0;
    });
    expect(await asker.asks('d')).toBe('two d');
  });

  it('sends a flow to another target when its own is taken away', async () => {
    const [one, two] = [await target('one'), await target('two')];
    const listener = await listen([one.target, two.target]);
    const asker = await client(listener);
    expect(await asker.asks('a')).toBe('one a');
    await listen([two.target]);
    expect(await asker.asks('b')).toBe('two b');
    expect([...(net.statsOf(listener)?.targets.keys() ?? [])]).toEqual([two.target.id]);
  });

  it('gives up the flow that was silent longest when there are too many', async () => {
    const { target: only } = await target('one');
    const listener = await listen([only], { maxConnections: 2 });
    const clients = [await client(listener), await client(listener), await client(listener)];
    const [a, b, c] = clients;
    await a?.asks('1');
    await b?.asks('1');
    await a?.asks('2');
    await c?.asks('1');
    expect(net.statsOf(listener)).toMatchObject({ open: 2, refused: 1 });
    expect(net.statsOf(listener)?.targets.get(only.id)).toMatchObject({ open: 2, served: 3 });
    await a?.asks('3');
    expect(net.statsOf(listener)?.targets.get(only.id)).toMatchObject({ served: 3 });
  });

  it('drops what nobody takes, and counts it', async () => {
    const listener = await listen([]);
    const asker = await client(listener);
    asker.says('anybody?');
    await until('the count', () => net.statsOf(listener)?.refused === 1);
    expect(net.statsOf(listener)?.open).toBe(0);
    const { target: late } = await target('late');
    await listen([late]);
    expect(await asker.asks('now?')).toBe('late now?');
  });

  it('names the client before each datagram, by version 2 of the PROXY protocol', async () => {
    const noting = await target('noting');
    const listener = await listen([noting.target], { sendProxyProtocol: 1 });
    const asker = await client(listener);
    await asker.asks('a');
    await asker.asks('b');
    const place = asker.socket.address();
    const ends = {
      source: { address: place.address, port: place.port },
      destination: { address, port: listener.port },
    };
    const header = proxyHeader(2, ends, 'udp');
    expect(noting.heard).toEqual(['a', 'b'].map((text) => Buffer.concat([header, Buffer.from(text)])));
  });

  it('stays with a target for a client that comes back from another port', async () => {
    const [one, two] = [await target('one'), await target('two')];
    const listener = await listen([one.target, two.target], {}, { affinitySeconds: 60 });
    const host = freshAddress();
    for (const text of ['a', 'b', 'c']) {
      const asker = new UdpTestClient(await bind(host), listener);
      expect(await asker.asks(text)).toBe(`one ${text}`);
    }
  });

  it('carries datagrams as large as there are', async () => {
    const { target: only } = await target('one');
    const asker = await client(await listen([only]));
    const text = 'x'.repeat(60_000);
    expect(await asker.asks(text)).toBe(`one ${text}`);
  });
});
