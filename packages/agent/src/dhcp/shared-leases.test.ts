// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { expect, it } from 'vitest';
import { addressGroups } from '../ownership/groups.ts';
import { NodeBook } from '../ownership/node-eligibility.ts';
import { servedServices } from '../services/served-service.ts';
import { formatNotedLeases } from './noted-lease.ts';
import { shareLeases } from './shared-leases.ts';

const MAC = '02:00:5e:10:00:01';
const LEASED = '192.0.2.9';
const NOTE = formatNotedLeases(
  new Map([
    [
      4,
      {
        client: `mac:${MAC}`,
        address: LEASED,
        server: '192.0.2.1',
        durationMs: 3_600_000,
        expiresWallMs: 0,
      },
    ],
  ]),
);

/** Services oldest first: name -> annotations, `kube-vip.io/` left out; all ask for DHCP unless they name an address. */
function served(services: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const objects = Object.entries(services).map(([name, annotations], index) => {
    const full = Object.entries({ loadbalancerIPs: '0.0.0.0', ...annotations }).map(
      ([key, value]) => [key.includes('/') ? key : `kube-vip.io/${key}`, value] as const,
    );
    return {
      metadata: {
        namespace: 'default',
        name,
        uid: name,
        creationTimestamp: `2026-11-21T10:00:0${index}Z`,
        annotations: Object.fromEntries(full),
      },
      spec: { type: 'LoadBalancer' },
    } as unknown as Service;
  });
  const rule = {
    classRule: { handling: 'legacy', name: '', classOnly: false },
    namespace: undefined,
  } as const;
  return shareLeases(servedServices(objects, [] as EndpointSlice[], rule));
}

function groupsOf(services: ReturnType<typeof served>): readonly (readonly string[])[] {
  const groups = addressGroups(services, { election: 'perService' }, NodeBook.unknown);
  return groups.map((group) => group.services.map((key) => key.replace('default/', '')));
}

it('gives each Service a lease of its own', () => {
  const services = served({ one: {}, two: {} });
  expect(groupsOf(services)).toEqual([['one'], ['two']]);
});

it('lets Services with one interface name, or one hardware address, share a lease', () => {
  const services = served({ one: { macvlanName: 'vip0' }, two: { macvlanName: 'vip0', hwaddr: MAC } });
  expect(new Set(services.map(({ dhcp }) => dhcp[0]?.identity.mac)).size).toBe(1);
  expect(groupsOf(services)).toEqual([['one', 'two']]);
  expect(groupsOf(served({ one: { hwaddr: MAC }, two: { hwaddr: MAC } }))).toEqual([['one', 'two']]);
});

it('moves a Service that names a leased address together with the one that leases it', () => {
  const services = served({
    leases: { hwaddr: MAC, 'fairlead.io/dhcp-lease': NOTE },
    names: { loadbalancerIPs: LEASED },
  });
  expect(groupsOf(services)).toEqual([['leases', 'names']]);
  const [group] = addressGroups(services, { election: 'perService' }, NodeBook.unknown);
  expect(group?.addresses).toHaveLength(2);
});

it('believes no note of an address that an older Service has', () => {
  const services = served({
    names: { loadbalancerIPs: LEASED },
    forged: { hwaddr: MAC, 'fairlead.io/dhcp-lease': NOTE },
  });
  expect(services.map(({ dhcp }) => dhcp[0]?.noted)).toEqual([undefined, undefined]);
  expect(groupsOf(services)).toEqual([['names'], ['forged']]);
});

it('believes a note only of the Service that it was made for', () => {
  const services = served({
    original: { hwaddr: MAC, 'fairlead.io/dhcp-lease': NOTE },
    copied: { hwaddr: '02:00:5e:10:00:02', 'fairlead.io/dhcp-lease': NOTE },
  });
  expect(services.map(({ dhcp }) => dhcp[0]?.noted?.address)).toEqual([LEASED, undefined]);
  expect(groupsOf(services)).toEqual([['original'], ['copied']]);
});
