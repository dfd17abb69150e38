// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice, Node, Service } from '@fairlead/shared/kubernetes/objects.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeBook } from '../ownership/node-eligibility.ts';
import { serviceObject, sliceObject } from '../testing/agents.ts';
import { type DesiredRule, desiredState, type Observed } from './desired.ts';

const ADDRESS = '172.18.0.240';
const SELECTOR = 'fairlead.io/node-selector';
const NAMES = ['n1', 'n2', 'n3'];

function rule(node: string): DesiredRule {
  return {
    node,
    classRule: { handling: 'legacy', name: 'kube-vip.io/kube-vip-class', classOnly: false },
    namespace: undefined,
    lease: { election: 'perService' },
  };
}

function link(name: string, isUp = true) {
  return { name, index: 2, kind: 'ether', isUp, mtu: 1500, addresses: [] } as const;
}

function nodeObject(name: string, labels: Readonly<Record<string, string>>): Node {
  return { metadata: { name, labels } } as Node;
}

function observed(parts: Partial<Observed> = {}): Observed {
  return {
    services: [serviceObject('echo', ADDRESS)],
    slices: [sliceObject('echo', { '10.1.0.1': 'n1' })],
    nodes: NodeBook.read([nodeObject('n1', {})], true),
    lostNodes: new Set(),
    links: {
      interface: 'eth0',
      servicesInterface: undefined,
      defaultInterface: undefined,
      links: [link('eth0')],
    },
    ...parts,
  };
}

function selecting(text: string): Service {
  const service = serviceObject('echo', ADDRESS);
  const annotations = { ...service.metadata?.annotations, [SELECTOR]: text };
  return { ...service, metadata: { ...service.metadata, annotations } };
}

describe('desiredState', () => {
  const problemsOf = (parts: Partial<Observed>) =>
    (desiredState(observed(parts), rule('n1')).problems.get('default/echo') ?? []).map(
      ({ reason }) => reason,
    );

  it('finds nothing wrong when nothing is', () => {
    const { groups, interfaces, unservable, problems } = desiredState(observed(), rule('n1'));
    expect(groups.map(({ addresses, candidates }) => [addresses, candidates])).toEqual([[[ADDRESS], 'any']]);
    expect([...interfaces]).toEqual([[ADDRESS, 'eth0']]);
    expect(unservable.size).toBe(0);
    expect(problems.size).toBe(0);
  });

  it('cannot serve on a link that is down, and keeps in mind which one it is', () => {
    const { links } = observed();
    const down = observed({ links: { ...links, links: [link('eth0', false)] } });
    const { interfaces, unservable, problems } = desiredState(down, rule('n1'));
    expect([...interfaces]).toEqual([[ADDRESS, 'eth0']]);
    expect([...unservable]).toEqual([ADDRESS]);
    expect(problems.get('default/echo')?.[0]?.message).toMatch(/"eth0".*down/);
  });

  it.each<[string, Partial<Observed>, readonly string[]]>([
    ['a selector that no node meets', { services: [selecting('zone=a')] }, ['NoEligibleNode']],
    ['one that a node meets', { services: [selecting('!zone')] }, []],
    ['one that cannot be read', { services: [selecting('zone in a')] }, ['NodeSelectorInvalid']],
    ['one before the Nodes are known', { services: [selecting('zone=a')], nodes: NodeBook.unknown }, []],
    [
      'no endpoint, whatever the selector',
      { services: [selecting('zone=a')], slices: [sliceObject('echo', {})] },
      ['NoReadyEndpoints'],
    ],
    ['no link', { links: { ...observed().links, links: [] } }, ['InterfaceMissing']],
  ])('tells of %s', (_what, parts, reasons) => expect(problemsOf(parts)).toEqual(reasons));

  const cluster = fc.record({
    pods: fc.dictionary(
      fc.integer({ min: 1, max: 250 }).map((last) => `10.1.0.${last}`),
      fc.constantFrom(...NAMES),
      { maxKeys: 6 },
    ),
    zones: fc.tuple(...NAMES.map(() => fc.constantFrom('a', 'b'))),
    excluded: fc.subarray(NAMES),
    policy: fc.constantFrom('Cluster', 'Local'),
    selector: fc.constantFrom('', 'zone=a', 'zone', '!zone', 'zone in'),
  });
  it('comes to the same groups on every node, whatever it sees of the others and of itself', () => {
    fc.assert(
      fc.property(
        cluster,
        fc.subarray(NAMES),
        fc.boolean(),
        ({ pods, zones, excluded, policy, selector }, lost, isUp) => {
          const service = selecting(selector);
          const services = [
            { ...service, spec: { ...service.spec, externalTrafficPolicy: policy } } as Service,
          ];
          const slices: EndpointSlice[] = [sliceObject('echo', pods)];
          const objects = NAMES.map((name, index) =>
            nodeObject(name, {
              zone: zones[index] ?? 'a',
              ...(excluded.includes(name)
                ? { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
                : {}),
            }),
          );
          const one = observed({ services, slices, nodes: NodeBook.read(objects, true) });
          const other = observed({
            services,
            slices: slices.toReversed(),
            nodes: NodeBook.read(objects.toReversed(), true),
            lostNodes: new Set(lost),
            links: { ...one.links, links: [link('eth0', isUp)] },
          });
          const groupsOf = (seen: Observed, node: string) =>
            desiredState(seen, rule(node)).groups.map(({ candidates, avoided, ...group }) => ({
              ...group,
              candidates: candidates === 'any' ? 'any' : new Set(candidates),
              avoided: new Map(avoided),
            }));
          expect(groupsOf(other, 'n2')).toEqual(groupsOf(one, 'n1'));
        },
      ),
    );
  });
});
