// SPDX-License-Identifier: Apache-2.0
import { keyOf } from '@fairlead/shared/kubernetes/objects.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AddressKeeper } from '../announce/address-keeper.ts';
import type { Balancer } from '../balance/balancer.ts';
import type { BalanceModel, Frontend } from '../balance/model/frontend.ts';
import { NO_DHCP } from '../dhcp/dhcp-addresses.ts';
import { DhcpDesk } from '../dhcp/dhcp-desk.ts';
import type { TranslatedEngine } from '../dhcp/translated-engine.ts';
import { NodeBook } from '../ownership/node-eligibility.ts';
import { endpointsByService } from '../services/endpoints.ts';
import { heldAddress } from '../status/testing.ts';
import { serviceObject, sliceObject } from '../testing/agents.ts';
import type { Announcements } from './announcements.ts';
import { Reconciler } from './reconciler.ts';

const VIP = '192.0.2.7';
const SERVICE = serviceObject('web', VIP);
const KEY = keyOf(SERVICE);
const CLOCK = new ManualClock();

/** A data plane that lets a test do something while it works. */
class SlowBalancer implements Balancer {
  readonly name = 'slow';
  /** What it sends connections to. */
  frontends = new Map<string, Frontend>();
  /** Called once, within the next `apply`. */
  meanwhile: () => Promise<void> = () => Promise.resolve();

  async apply(model: BalanceModel): Promise<void> {
    this.frontends = new Map(model.frontends);
    const { meanwhile } = this;
    this.meanwhile = () => Promise.resolve();
    await meanwhile();
  }

  replace(changed: ReadonlyMap<string, Frontend | undefined>): Promise<void> {
    for (const [id, frontend] of changed) {
      if (frontend === undefined) this.frontends.delete(id);
      else this.frontends.set(id, frontend);
    }
    return Promise.resolve();
  }

  verify(): Promise<boolean> {
    return Promise.resolve(false);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  /** Addresses of the pods that it sends connections to. */
  get pods(): readonly string[] {
    return [...this.frontends.values()]
      .flatMap(({ backends }) => backends.map(({ address }) => address))
      .sort();
  }
}

describe('endpoints that change', () => {
  let balancer: SlowBalancer;
  let slices: ReturnType<typeof sliceObject>[];
  let reconciler: Reconciler;

  beforeEach(() => {
    balancer = new SlowBalancer();
    slices = [sliceObject('web', { '10.244.1.2': 'worker1', '10.244.1.3': 'worker1' })];
    const owners = new Map([[VIP, { node: 'worker1', sinceMs: 0 }]]);
    const state = { grants: new Map([[VIP, 10_000]]), version: 1, owners, lostNodes: new Set<string>() };
    const nothing = () => undefined;
    reconciler = new Reconciler({
      services: { get: nothing, size: 1, values: () => [SERVICE] },
      slices: { get: nothing, size: 1, values: () => slices },
      nodes: () => NodeBook.unknown,
      rule: {
        node: 'worker1',
        classRule: { name: undefined, onlyClass: false },
        namespace: undefined,
        lease: { election: 'perService' },
      } as unknown as ConstructorParameters<typeof Reconciler>[0]['rule'],
      links: () => ({
        links: [{ name: 'eth0', index: 2, kind: 'ether', isUp: true, mtu: 1500, addresses: [] }],
        defaultInterface: 'eth0',
        interface: 'eth0',
        servicesInterface: undefined,
      }),
      names: { mode: 'first', stateOf: nothing, want: nothing } as never,
      engine: {
        state: () => state,
        want: nothing,
        report: nothing,
        ownedKeys: () => new Set([VIP]),
      } as unknown as TranslatedEngine,
      dhcp: new DhcpDesk(NO_DHCP, CLOCK),
      keeper: {
        held: () => new Map([[VIP, heldAddress(VIP)]]),
        apply: () => Promise.resolve(),
        prepare: () => Promise.resolve(),
      } as unknown as AddressKeeper,
      balancer,
      health: { want: nothing, down: new Set() },
      protection: { follow: () => Promise.resolve(), problems: () => new Map() },
      balancesServices: true,
      controlPlane: undefined,
      announcements: { tell: nothing } as unknown as Announcements,
      moves: { tell: nothing },
      status: undefined,
      speaksFor: () => true,
      clock: CLOCK,
      logger: silentLogger,
    });
  });

  /** The store has the change before anybody is told of it. */
  const change = (pods: Readonly<Record<string, string>>) => {
    slices = [sliceObject('web', pods)];
    return reconciler.followEndpoints(KEY, endpointsByService(slices).get(KEY));
  };

  it('are followed between passes', async () => {
    await reconciler.pass();
    expect(balancer.pods).toEqual(['10.244.1.2', '10.244.1.3']);
    expect(await change({ '10.244.1.3': 'worker1' })).toBe('done');
    expect(balancer.pods).toEqual(['10.244.1.3']);
    await reconciler.pass();
    expect(balancer.pods).toEqual(['10.244.1.3']);
  });

  it('are not forgotten by a pass that was under way', async () => {
    await reconciler.pass();
    balancer.meanwhile = async () => {
      expect(await change({ '10.244.1.3': 'worker1', '10.244.1.4': 'worker1' })).toBe('done');
    };
    await reconciler.pass();
    expect(balancer.pods).toEqual(['10.244.1.3', '10.244.1.4']);
  });
});
