// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlaneGoneError, type UserSpacePlane } from './plane.ts';
import { listenerOf } from './testing/listeners.ts';
import { freshAddress, Loopback, until } from './testing/loopback.ts';
import { createUserSpacePlane } from './threaded-plane.ts';

/** A thread that runs this. */
function program(text: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

const DEAF = program("import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => {});");

describe('createUserSpacePlane', () => {
  let net: Loopback;
  let plane: UserSpacePlane;
  let address: string;
  beforeEach(() => {
    net = new Loopback();
    address = freshAddress();
    plane = createUserSpacePlane({ logger: silentLogger });
  });
  afterEach(async () => {
    await plane.stop(0);
    await net.end();
  });

  it('relays in a thread of its own, as it is told', async () => {
    const [one, two] = [await net.echo('one'), await net.echo('two')];
    const listener = listenerOf([one], { address, port: 7_000 });
    expect(await plane.apply([listener])).toEqual([]);
    await net.client(listener).hears('one');
    await plane.apply([{ ...listener, targets: [two] }]);
    await net.client(listener).hears('two');
    await until('counts', () => plane.stats().get(listener.id)?.targets.get(two.id)?.served === 1);
    await plane.apply([]);
    await net.client(listener).isReset();
  });

  it('tries again what cannot be listened on, and says when it can', async () => {
    const other = new Loopback();
    const listener = listenerOf([await net.echo('hello')], { address, port: 7_000 });
    await other.listen([listener]);
    const [problem] = await plane.apply([listener]);
    expect(problem).toEqual({ id: listener.id, problem: expect.stringContaining('EADDRINUSE') });
    expect(await plane.verify()).toBe(false);
    expect(plane.problems()).toEqual([problem]);
    await other.end();
    expect(await plane.verify()).toBe(true);
    expect(plane.problems()).toEqual([]);
    await net.client(listener).hears('hello');
  });

  it('lets go of a port, so that another program can have it, and ends when there is nothing to do', async () => {
    const listener = listenerOf([await net.echo('hello')], { address, port: 7_000 });
    await plane.apply([listener]);
    await plane.stop(0);
    await net.listen([listener]);
    await net.client(listener).hears('hello');
  });

  it('begins another thread when the old one died, with all that was wanted', async () => {
    const listener = listenerOf([await net.echo('hello')], { address, port: 7_000 });
    const mortal = createUserSpacePlane({
      logger: silentLogger,
      url: new URL('./testing/mortal-worker.ts', import.meta.url),
    });
    try {
      await mortal.apply([listener]);
      await net.client(listener).hears('hello');
      await expect(mortal.apply([listener, { ...listener, id: 'deadly' }])).rejects.toThrow(PlaneGoneError);
      expect(mortal.stats().size).toBe(0);
      await expect(mortal.apply([listener])).rejects.toThrow(PlaneGoneError);
      expect(await mortal.verify()).toBe(true);
      await net.client(listener).hears('hello');
    } finally {
      await mortal.stop(0);
    }
  });

  it('ends a thread that does not answer', async () => {
    const clock = new ManualClock();
    const deaf = createUserSpacePlane({ logger: silentLogger, url: DEAF, clock, patienceMs: 1_000 });
    const applied = deaf.apply([listenerOf([])]);
    clock.advance(1_000);
    await expect(applied).rejects.toThrow('did not answer');
    await deaf.stop(0);
  });

  it('finds a thread that hangs although nobody asks it anything', async () => {
    const clock = new ManualClock();
    const url = new URL('./testing/mortal-worker.ts', import.meta.url);
    const hung = createUserSpacePlane({ logger: silentLogger, url, clock, patienceMs: 10_000 });
    const listener = listenerOf([await net.echo('hello')], { address, port: 7_000 });
    try {
      await hung.apply([listener]);
      expect(await hung.verify()).toBe(false);
      clock.advance(10_001);
      // Begins another; the port is free once the old thread has ended.
      expect(await hung.verify()).toBe(true);
      await expect.poll(async () => (await hung.verify()) || hung.problems().length === 0).toBe(true);
      await net.client(listener).hears('hello');
    } finally {
      await hung.stop(0);
    }
  });
});
