// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenerOf } from './testing/listeners.ts';
import { freshAddress, Loopback, until } from './testing/loopback.ts';

describe('ProxySet', () => {
  let net: Loopback;
  let address: string;
  beforeEach(() => {
    net = new Loopback();
    address = freshAddress();
  });
  afterEach(() => net.end());

  it('keeps what runs over a listener that is taken away, and accepts nothing more', async () => {
    const listener = listenerOf([await net.echo('hello')], { address, port: 7_000 });
    await net.listen([listener]);
    const client = net.client(listener);
    await client.hears('hello');
    await net.listen([], [listener.id]);
    await net.client(listener).isReset();
    client.say(' again');
    await client.hears('hello again');
  });

  it('waits at its end for what runs, that of listeners taken away before included', async () => {
    const targets = [await net.echo('hello')];
    const listeners = [1, 2].map((id) => listenerOf(targets, { id: `${id}`, address, port: 7_000 + id }));
    await net.listen(listeners);
    const clients = listeners.map((listener) => net.client(listener));
    await Promise.all(clients.map((client) => client.hears('hello')));
    await net.listen([], ['1']);
    let hasEnded = false;
    const end = net.proxies.stop(60_000).then(() => {
      hasEnded = true;
    });
    for (const client of clients) {
      client.say(' again');
      await client.hears('hello again');
      expect(hasEnded).toBe(false);
      client.socket.end();
    }
    await end;
  });

  it('ends what still runs after the time that it has at its end', async () => {
    const listener = listenerOf([await net.echo('hello')], { address, port: 7_000 });
    await net.listen([listener]);
    const client = net.client(listener);
    await client.hears('hello');
    await net.proxies.stop(20);
    await client.isReset();
  });

  it('says which ports somebody else has, serves the others, and takes them once they are free', async () => {
    const target = await net.echo('hello');
    const taken = listenerOf([target], { id: 'taken', address: target.host, port: target.port });
    const free = listenerOf([target], { id: 'free', address, port: 7_000 });
    const problems = await net.tryListen([taken, free]);
    expect(problems).toEqual([{ id: 'taken', problem: expect.stringContaining('EADDRINUSE') }]);
    await net.client(free).hears('hello');
    const udp = listenerOf([], { id: 'one', mode: 'udp', address, port: 7_001 });
    expect(await net.tryListen([udp])).toEqual([]);
    expect(await net.tryListen([{ ...udp, id: 'two' }])).toHaveLength(1);
    expect(await net.tryListen([{ ...udp, id: 'two' }], ['one'])).toEqual([]);
  });

  it('moves a listener to another place, and lets another one take the old', async () => {
    const [one, two] = [await net.echo('one'), await net.echo('two')];
    const first = listenerOf([one], { id: 'a', address, port: 7_000 });
    await net.listen([first]);
    const moved = { ...first, port: 7_001 };
    const next = listenerOf([two], { id: 'b', address, port: 7_000 });
    await net.listen([moved, next]);
    await net.client(moved).hears('one');
    await net.client(next).hears('two');
  });

  it('listens on an address that is not here yet', async () => {
    await net.listen([
      listenerOf([], { id: '4', address: '192.0.2.77', port: 7_000 }),
      listenerOf([], { id: '6', address: '2001:db8::77', port: 7_000 }),
      listenerOf([], { id: 'u', mode: 'udp', address: '192.0.2.77', port: 7_000 }),
    ]);
  });

  it('tells only of listeners that have had anything to do', async () => {
    const listener = listenerOf([await net.echo('hello')], { address, port: 7_000 });
    await net.listen([listener, { ...listener, id: 'idle', port: 7_001 }]);
    expect(net.proxies.stats().size).toBe(0);
    await net.client(listener).hears('hello');
    await until('a count', () => net.statsOf(listener)?.bytesOut === 5);
    expect([...net.proxies.stats().keys()]).toEqual([listener.id]);
  });
});
