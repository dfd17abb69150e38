// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { CONTROL_PLANE_KEY } from '../../control-plane/claim.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import type { ProxyListener } from './listener.ts';
import { type ListenerProblem, type ListenerStats, PlaneGoneError, type UserSpacePlane } from './plane.ts';
import { createUserSpaceBalancer } from './user-space-balancer.ts';

const VIP = '192.0.2.10';
const web = () => frontendOf(VIP, [backendOf('10.1.0.1'), backendOf('10.1.0.2')]);

/** Notes what it is told, and cannot listen on some ports. */
class NotingPlane implements UserSpacePlane {
  readonly told: (readonly ProxyListener[])[] = [];
  readonly taken = new Set<number>();
  isDead = false;

  apply(listeners: readonly ProxyListener[]): Promise<readonly ListenerProblem[]> {
    this.told.push(listeners);
    return this.isDead ? Promise.reject(new PlaneGoneError('killed')) : Promise.resolve(this.problems());
  }

  problems(): readonly ListenerProblem[] {
    const listeners = this.told.at(-1) ?? [];
    return listeners
      .filter(({ port }) => this.taken.has(port))
      .map(({ id }) => ({ id, problem: 'EADDRINUSE' }));
  }

  verify(): Promise<boolean> {
    return Promise.resolve(false);
  }

  stats(): ReadonlyMap<string, ListenerStats> {
    return new Map();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

describe('createUserSpaceBalancer', () => {
  it('tells the plane nothing when nothing differs, and only new listeners differ', async () => {
    const plane = new NotingPlane();
    const balancer = createUserSpaceBalancer(plane);
    const dns = frontendOf(VIP, [], { protocol: 'udp', port: 53 });
    await balancer.apply(modelOf(web(), dns));
    await balancer.apply(modelOf(web(), { ...dns }));
    expect(plane.told).toHaveLength(1);
    await balancer.apply(modelOf(frontendOf(VIP, [backendOf('10.1.0.1')]), { ...dns }));
    await balancer.apply(modelOf({ ...dns }));
    const [first, second, third] = plane.told;
    expect(second?.[0]).not.toBe(first?.[0]);
    expect(second?.[1]).toBe(first?.[1]);
    expect(third).toEqual([first?.[1]]);
    await balancer.apply(modelOf());
    expect(plane.told.at(-1)).toEqual([]);
  });

  it('knows whose connections they are when a port goes to another Service', async () => {
    const plane = new NotingPlane();
    const balancer = createUserSpaceBalancer(plane);
    await balancer.apply(modelOf(web()));
    await balancer.apply(modelOf({ ...web(), service: 'default/other' }));
    expect(plane.told.map(([listener]) => listener?.service)).toEqual(['default/echo', 'default/other']);
  });

  it('tells again what could not be told', async () => {
    const plane = new NotingPlane();
    const balancer = createUserSpaceBalancer(plane);
    plane.isDead = true;
    await expect(balancer.apply(modelOf(web()))).rejects.toThrow(PlaneGoneError);
    plane.isDead = false;
    await balancer.apply(modelOf(web()));
    expect(plane.told).toHaveLength(2);
  });

  it('tells the Service of a port that is taken, and leaves its address to others until it is free', async () => {
    const plane = new NotingPlane();
    const balancer = createUserSpaceBalancer(plane);
    plane.taken.add(80);
    await balancer.apply(modelOf(web(), frontendOf('192.0.2.11', [], { port: 81 })));
    expect(balancer.problems?.().get('default/echo')).toEqual([
      { reason: 'PortUnavailable', message: `${VIP} port 80/tcp cannot be listened on: EADDRINUSE` },
    ]);
    expect(balancer.unservable?.()).toEqual(new Set([VIP]));
    await balancer.apply(modelOf({ ...web(), service: CONTROL_PLANE_KEY }));
    expect(balancer.unservable?.()).toEqual(new Set());
    await balancer.apply(modelOf(web()));
    plane.taken.clear();
    await balancer.verify();
    expect(balancer.problems?.().size).toBe(0);
    expect(balancer.unservable?.().size).toBe(0);
  });
});
