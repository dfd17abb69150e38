// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServedService } from '../services/served-service.ts';
import { addressGroups, commonCandidates } from './groups.ts';
import { NodeBook } from './node-eligibility.ts';
import { rendezvousRank } from './rank.ts';

function service(
  name: string,
  addresses: readonly string[],
  parts: Partial<ServedService> = {},
): ServedService {
  return {
    key: `default/${name}`,
    namespace: 'default',
    name,
    created: '',
    addresses,
    dhcp: [],
    refused: false,
    names: [],
    policy: 'Cluster',
    ports: [],
    endpoints: [],
    interface: undefined,
    commonLease: undefined,
    endpointsKnown: true,
    nodeSelector: undefined,
    asksForOwnLease: false,
    withoutEndpoints: true,
    problems: [],
    object: {},
    ...parts,
  };
}

const PER_SERVICE = { election: 'perService' } as const;

describe('addressGroups', () => {
  it('joins Services that share an address, directly or through a third', () => {
    const groups = addressGroups(
      [
        service('a', ['1', '2']),
        service('b', ['3']),
        service('c', ['2', '4']),
        service('d', ['4', '5']),
        service('e', []),
      ],
      PER_SERVICE,
      NodeBook.unknown,
    );
    expect(groups.map(({ services, addresses, lease }) => [services, addresses, lease.name])).toEqual([
      [['default/a', 'default/c', 'default/d'], ['1', '2', '4', '5'], 'kubevip-a'],
      [['default/b'], ['3'], 'kubevip-b'],
    ]);
  });

  it('uses the common Lease, or the one for all', () => {
    const shared = service('a', ['1'], { commonLease: { namespace: 'x', name: 'y' } });
    expect(addressGroups([shared], PER_SERVICE, NodeBook.unknown)[0]?.lease).toEqual({
      namespace: 'x',
      name: 'y',
    });
    const lease = { namespace: 'kube-system', name: 'plndr-svcs-lock' };
    expect(addressGroups([shared], { election: 'global', lease }, NodeBook.unknown)[0]?.lease).toEqual(lease);
  });

  it('gives a Lease of their own on demand', () => {
    const lease = { namespace: 'kube-system', name: 'plndr-svcs-lock' };
    const services = [
      service('a', ['1']),
      service('b', ['2'], { asksForOwnLease: true }),
      service('c', ['3'], { asksForOwnLease: true, commonLease: { namespace: 'x', name: 'y' } }),
    ];
    const names = (election: 'onDemand' | 'global') =>
      addressGroups(services, { election, lease }, NodeBook.unknown).map((group) => group.lease.name);
    expect(names('onDemand')).toEqual(['plndr-svcs-lock', 'kubevip-b', 'y']);
    expect(names('global')).toEqual(['plndr-svcs-lock', 'plndr-svcs-lock', 'plndr-svcs-lock']);
  });

  const addresses = fc.uniqueArray(fc.constantFrom('1', '2', '3', '4', '5', '6', '7', '8'), { maxLength: 3 });
  it('puts every address in exactly one group, with all Services that have it', () => {
    fc.assert(
      fc.property(fc.array(addresses, { maxLength: 10 }), (lists) => {
        const services = lists.map((list, index) => service(`s${index}`, list));
        const groups = addressGroups(services, PER_SERVICE, NodeBook.unknown);
        const all = groups.flatMap((group) => group.addresses);
        expect(new Set(all).size).toBe(all.length);
        for (const { key, addresses: own } of services) {
          const groupsOfIt = groups.filter((group) => group.services.includes(key));
          expect(groupsOfIt).toHaveLength(own.length > 0 ? 1 : 0);
          for (const address of own) expect(groupsOfIt[0]?.addresses).toContain(address);
        }
        for (const group of groups) expect(group.key).toBe(group.services[0]);
      }),
    );
  });
});

describe('commonCandidates', () => {
  it.each([
    [['any', 'any'], 'any'],
    [['any', new Set(['n1'])], new Set(['n1'])],
    [[new Set(['n1', 'n2']), new Set(['n2', 'n3'])], new Set(['n2'])],
    [[new Set(['n1']), new Set(['n3'])], new Set(['n1'])],
    [[new Set(), new Set(['n3'])], new Set(['n3'])],
    [[new Set(), 'any'], 'any'],
    [[new Set()], new Set()],
  ] as const)('of %j', (members, expected) =>
    expect(commonCandidates(members as Parameters<typeof commonCandidates>[0])).toEqual(expected),
  );
});

describe('rendezvousRank', () => {
  const nodes = Array.from({ length: 5 }, (_, index) => `worker${index + 1}`);

  it('spreads keys evenly', () => {
    const firsts = new Map<string, number>();
    const total = 5_000;
    for (let index = 0; index < total; index++) {
      const first =
        nodes.find((node) => rendezvousRank(`default/kubevip-s${index}`, node, nodes) === 0) ?? '';
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    for (const node of nodes) expect(Math.abs((firsts.get(node) ?? 0) / (total / 5) - 1)).toBeLessThan(0.1);
  });

  it('gives each node a place of its own, and moves nobody by more than one when a node leaves', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 8 }),
        (key, names) => {
          const ranks = names.map((name) => rendezvousRank(key, name, names));
          expect([...ranks].sort((a, b) => a - b)).toEqual(names.map((_, index) => index));
          const rest = names.slice(1);
          for (const [index, name] of rest.entries()) {
            const moved = (ranks[index + 1] ?? 0) - rendezvousRank(key, name, rest);
            expect([0, 1]).toContain(moved);
          }
        },
      ),
    );
  });

  it('puts a node that is not in the list last', () => {
    expect(rendezvousRank('key', 'stranger', nodes)).toBe(Number.POSITIVE_INFINITY);
  });
});
