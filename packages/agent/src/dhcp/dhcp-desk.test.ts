// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { OwnershipEngine, OwnershipState } from '../ownership/engine.ts';
import { type ServedService, servedServices } from '../services/served-service.ts';
import {
  type DhcpAddresses,
  type DhcpLease,
  type DhcpProblem,
  type DhcpWish,
  NO_DHCP,
} from './dhcp-addresses.ts';
import { DhcpDesk } from './dhcp-desk.ts';
import { formatNotedLeases, parseNotedLeases } from './noted-lease.ts';
import { translateEngine } from './translated-engine.ts';

const MAC = '02:00:5e:10:00:01';
const HOUR = 3_600_000;
const RULE = { classRule: { handling: 'legacy', name: '', classOnly: false }, namespace: undefined } as const;

function served(annotations: Readonly<Record<string, string>> = {}, name = 'web'): ServedService {
  const service = {
    metadata: {
      namespace: 'default',
      name,
      uid: name,
      creationTimestamp: '2026-11-21T10:00:00Z',
      annotations: { 'kube-vip.io/loadbalancerIPs': '0.0.0.0', 'kube-vip.io/hwaddr': MAC, ...annotations },
    },
    spec: { type: 'LoadBalancer' },
  } as unknown as Service;
  const [one] = servedServices([service], [], RULE);
  if (one === undefined) throw new Error('not served');
  return one;
}

let clock: ManualClock;
let leases: Map<string, DhcpLease>;
let problems: Map<string, DhcpProblem>;
let wishes: DhcpWish[];
let desk: DhcpDesk;
let state: OwnershipState;
let reported: ReadonlySet<string>;

const engine = {
  name: 'fake',
  want: () => undefined,
  state: () => state,
  report: (held: ReadonlySet<string>) => {
    reported = held;
  },
} as unknown as OwnershipEngine;

beforeEach(() => {
  clock = new ManualClock(1_000_000);
  leases = new Map();
  problems = new Map();
  wishes = [];
  reported = new Set();
  state = { version: 1, grants: new Map(), owners: new Map(), lostNodes: new Set() };
  const dhcp: DhcpAddresses = {
    ...NO_DHCP,
    apply: (wish) => void wishes.push(wish),
    leases: () => leases,
    leaseOf: (key) => leases.get(key),
    problems: () => problems,
  };
  desk = new DhcpDesk(dhcp, clock);
});

const keyOf = ({ dhcp }: ServedService): string => dhcp[0]?.key ?? '';

function lease(key: string, address: string): void {
  leases.set(key, { address, server: '192.0.2.1', durationMs: HOUR, untilMs: clock.monotonicMs() + HOUR });
}

describe('ownership of a wish', () => {
  it('becomes that of its address when there is one, and is reported under its key', () => {
    const service = served();
    const key = keyOf(service);
    state = {
      ...state,
      grants: new Map([[key, 5000]]),
      owners: new Map([[key, { node: 'n1', sinceMs: 1 }]]),
    };
    const translated = translateEngine(engine, desk);
    desk.follow([service], new Map([[key, 'eth0']]));
    expect([...translated.state().grants]).toEqual([]);
    expect([...translated.ownedKeys()]).toEqual([key]);
    lease(key, '192.0.2.9');
    desk.follow([service], new Map([[key, 'eth0']]));
    expect([...translated.state().grants]).toEqual([['192.0.2.9', 5000]]);
    expect(translated.state().owners.get('192.0.2.9')?.node).toBe('n1');
    expect(desk.factsOf('192.0.2.9')).toMatchObject({ key });
    expect(desk.resolve([service])[0]?.addresses).toEqual(['192.0.2.9']);
    translated.report(new Set(['192.0.2.9', '192.0.2.200']), 1);
    expect(reported).toEqual(new Set([key, '192.0.2.200']));
    // Still here while it comes off, though the lease has ended.
    leases.clear();
    translated.report(new Set(['192.0.2.9']), 1);
    expect(reported).toEqual(new Set([key]));
    translated.report(new Set(), 1);
    expect(reported).toEqual(new Set());
    expect(desk.factsOf('192.0.2.9')).toBeUndefined();
  });

  it('of others shows by what they noted', () => {
    const noted = formatNotedLeases(
      new Map([
        [4, { client: `mac:${MAC}`, address: '192.0.2.9', server: 's', durationMs: HOUR, expiresWallMs: 0 }],
      ]),
    );
    const service = served({ 'fairlead.io/dhcp-lease': noted });
    state = { ...state, owners: new Map([[keyOf(service), { node: 'n2', sinceMs: 1 }]]) };
    const translated = translateEngine(engine, desk);
    desk.follow([service], new Map());
    expect([...translated.state().owners.keys()]).toEqual(['192.0.2.9']);
    expect(desk.known()).toEqual(['192.0.2.9']);
    expect(desk.factsOf('192.0.2.9')).toBeUndefined();
  });

  it('gives no right to an address that ownership knows by itself', () => {
    const service = served();
    const key = keyOf(service);
    state = { ...state, grants: new Map([[key, 5000]]) };
    const translated = translateEngine(engine, desk);
    lease(key, '192.0.2.9');
    desk.follow([service], new Map([[key, 'eth0']]));
    const group = {
      key: 'default/b',
      services: [],
      addresses: ['192.0.2.9', key],
      candidates: 'any',
    } as const;
    translated.want([{ ...group, lease: { namespace: 'default', name: 'x' } }], new Set());
    expect([...translated.state().grants]).toEqual([]);
    expect(desk.factsOf('192.0.2.9')).toBeUndefined();
    state = {
      ...state,
      grants: new Map([
        [key, 5000],
        ['192.0.2.9', 7000],
      ]),
    };
    expect([...translated.state().grants]).toEqual([['192.0.2.9', 7000]]);
    translated.report(new Set(['192.0.2.9']), 1);
    expect(reported).toEqual(new Set(['192.0.2.9', key]));
  });

  it('costs nothing where nobody asks for DHCP', () => {
    const translated = translateEngine(engine, desk);
    expect(translated.state()).toBe(state);
  });
});

describe('what is noted on a Service', () => {
  const notesOf = (service: ServedService) => {
    desk.follow([service], new Map([[keyOf(service), 'eth0']]));
    return desk.notes(service);
  };

  it('is who asks, what came, and for how long; and the same until the next renewal', () => {
    const service = served();
    lease(keyOf(service), '192.0.2.9');
    const notes = notesOf(service);
    expect(notes).toMatchObject({ 'kube-vip.io/hwaddr': MAC, 'kube-vip.io/requestedIP': '192.0.2.9' });
    const text = notes['fairlead.io/dhcp-lease'] ?? '';
    expect(parseNotedLeases(text).get(4)?.expiresWallMs).toBe(clock.wallMs() + HOUR);
    clock.advance(1000);
    expect(notesOf(service)).toEqual(notes);
    const noted = served(notes);
    expect(notesOf(noted)).toEqual(notes);
    clock.advance(HOUR / 2);
    lease(keyOf(service), '192.0.2.9');
    expect(notesOf(noted)['fairlead.io/dhcp-lease']).not.toBe(text);
  });

  it('leaves the spelling of the user, and what was noted of the other family', () => {
    const both = served({
      'kube-vip.io/loadbalancerIPs': '0.0.0.0,::',
      'kube-vip.io/hwaddr': '02-00-5E-10-00-01',
    });
    lease(keyOf(both), '192.0.2.9');
    expect(notesOf(both)).toMatchObject({
      'kube-vip.io/hwaddr': '02-00-5E-10-00-01',
      'kube-vip.io/requestedIP': '192.0.2.9',
    });
    expect(notesOf(served({ 'kube-vip.io/loadbalancerIPs': '192.0.2.3' }, 'other'))).toEqual({});
  });
});

it('tells what is lacking, and who gave what', () => {
  const service = served();
  const key = keyOf(service);
  desk.follow([service], new Map([[key, 'eth0']]));
  expect(desk.lackOf(service)).toBeUndefined();
  problems.set(key, { kind: 'noLease', message: 'nobody answers' });
  expect(desk.lackOf(service)).toMatchObject({
    status: 'False',
    reason: 'DhcpNoLease',
    message: 'nobody answers',
  });
  expect(desk.problems([service]).get('default/web')).toMatchObject([{ reason: 'DhcpNoLease' }]);
  problems.set(key, { kind: 'notRenewed', message: 'nobody renews' });
  expect(desk.lackOf(service)).toBeUndefined();
  expect(desk.problems([service]).get('default/web')).toMatchObject([{ reason: 'DhcpNotRenewed' }]);
  expect(desk.wordOn(service)).toBeUndefined();
  lease(key, '192.0.2.9');
  expect(desk.wordOn(service)).toMatchObject({
    status: 'True',
    message: 'DHCP server 192.0.2.1 gave 192.0.2.9',
  });
});
