// SPDX-License-Identifier: Apache-2.0
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger } from '@fairlead/shared/runtime/logging.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AddressCounters, AddressKeeper, HeldAddress } from '../announce/address-keeper.ts';
import type { Owner, OwnershipEngine } from '../ownership/engine.ts';
import type { ServedService } from '../services/served-service.ts';
import { NO_VIEW } from '../status/engine-view.ts';
import type { Takeover } from '../status/failover-log.ts';
import { heldAddress, NO_FRAMES } from '../status/testing.ts';
import { MoveTeller } from './move-teller.ts';

const COUNT = 1_000;
const ADDRESSES = Array.from({ length: COUNT }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
const SERVED = ADDRESSES.map(
  (address, index) =>
    ({
      key: `default/s${index}`,
      addresses: [address],
      object: { kind: 'Service', metadata: { namespace: 'default', name: `s${index}` } } as Service,
    }) as unknown as ServedService,
);

describe('a thousand addresses of a lost node', () => {
  const clock = new ManualClock();
  const events: string[] = [];
  const lines: string[] = [];
  const takeovers: Takeover[] = [];
  let owners: Map<string, Owner>;
  let held: Map<string, HeldAddress>;
  let counters: Map<string, AddressCounters>;
  let teller: MoveTeller;

  beforeEach(() => {
    for (const list of [events, lines, takeovers]) list.length = 0;
    owners = new Map(ADDRESSES.map((address) => [address, { node: 'a', sinceMs: 0 }]));
    held = new Map();
    counters = new Map();
    const recorder: EventRecorder = {
      event: (about, _type, reason, message) => events.push(`${about.metadata?.name} ${reason} ${message}`),
      flush: () => Promise.resolve(),
    };
    const state = () => ({ grants: new Map(), version: 0, owners, lostNodes: new Set(['a']) });
    teller = new MoveTeller({
      node: 'b',
      engine: { state } as unknown as OwnershipEngine,
      view: NO_VIEW,
      keeper: {
        held: () => held,
        stats: () => ({ ...NO_FRAMES, addresses: counters }),
      } as unknown as AddressKeeper,
      events: recorder,
      clock,
      logger: createLogger({
        name: 'test',
        level: 'info',
        destination: { write: (line) => lines.push(line) },
      }),
      onTakeover: (takeover) => takeovers.push(takeover),
      onDetection: () => undefined,
    });
    teller.tell({ services: SERVED, granted: new Map() });
  });

  const takeOver = () => {
    const nowMs = clock.monotonicMs();
    held = new Map(ADDRESSES.map((address) => [address, heldAddress(address, { placedMs: nowMs })]));
    owners = new Map(ADDRESSES.map((address) => [address, { node: 'b', sinceMs: nowMs }]));
    const first = { announced: 1, answered: 0, foreignClaims: 0, firstAnnouncedMs: nowMs };
    counters = new Map(ADDRESSES.map((address) => [address, first]));
    teller.tell({ services: SERVED, granted: new Map(ADDRESSES.map((address) => [address, nowMs])) });
  };

  it('are told by one Event each, not all at once, and by one line in the log', () => {
    takeOver();
    expect(takeovers).toHaveLength(COUNT);
    expect(takeovers.every(({ from, reason }) => from === 'a' && reason === 'lost')).toBe(true);
    expect(events).toHaveLength(100);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ count: COUNT, from: 'a', reason: 'lost' });
    clock.advance(10_000);
    expect(events).toHaveLength(350);
    clock.advance(60_000);
    expect(events).toHaveLength(COUNT);
    expect(new Set(events).size).toBe(COUNT);
    expect(events[0]).toMatch(/^s0 AddressHeld node b answers for 10\.1\.0\.0 \(before: a; a was lost; 0 ms/);
    expect(teller.recent).toMatchObject([{ from: 'a', reason: 'lost', count: COUNT }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('are told in part when the agent ends meanwhile, and that is said', () => {
    takeOver();
    teller.stop();
    expect(events).toHaveLength(200);
    expect(lines.at(-1)).toContain('left out');
    clock.advance(60_000);
    expect(events).toHaveLength(200);
  });

  it('are told as left when nobody takes them', () => {
    takeOver();
    clock.advance(60_000);
    events.length = 0;
    held = new Map();
    owners = new Map();
    teller.tell({ services: SERVED, granted: new Map() });
    expect(events).toEqual([]);
    clock.advance(60_000);
    expect(events).toHaveLength(COUNT);
    expect(events.every((event) => event.includes('AddressDropped nobody answers for'))).toBe(true);
  });
});
