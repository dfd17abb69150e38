// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice, Node, Service } from '@fairlead/shared/kubernetes/objects.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeBook } from '../ownership/node-eligibility.ts';
import { addressesOf } from './addresses.ts';
import { endpointsByService, usableEndpoints } from './endpoints.ts';
import { isServed, matchesClass } from './selection.ts';
import { candidatesOf, endpointsFrom, type ServedService, servedServices } from './served-service.ts';

const RULE = {
  classRule: { handling: 'legacy', name: 'kube-vip.io/kube-vip-class', classOnly: false },
  namespace: undefined,
} as const;
const NOBODY: ReadonlySet<string> = new Set();

interface Parts {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Partial<NonNullable<Service['spec']>>;
  readonly status?: readonly string[];
  readonly metadata?: Partial<NonNullable<Service['metadata']>>;
}

function service({ annotations = {}, spec = {}, status = [], metadata = {} }: Parts = {}): Service {
  return {
    metadata: {
      name: 'echo',
      namespace: 'default',
      annotations,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { type: 'LoadBalancer', ports: [{ port: 80, name: 'http', protocol: 'TCP' }], ...spec },
    status: { loadBalancer: { ingress: status.map((ip) => ({ ip })) } },
  } as Service;
}

interface Pod {
  readonly address: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
}

function slice(pods: readonly Pod[], name = 'echo-1', serviceName = 'echo'): EndpointSlice {
  return {
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': serviceName } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: pods.map(({ address, node, ...conditions }) => ({
      addresses: [address],
      ...(node === undefined ? {} : { nodeName: node }),
      conditions,
    })),
  } as EndpointSlice;
}

function served(one: Service, ...slices: readonly EndpointSlice[]): ServedService {
  const [first] = servedServices([one], slices, RULE);
  if (first === undefined) throw new Error('the Service is not served');
  return first;
}

describe('which Services are ours', () => {
  it.each([
    ['a LoadBalancer without a class', service(), true],
    ['another type', service({ spec: { type: 'ClusterIP' } }), false],
    ['our class', service({ spec: { loadBalancerClass: 'kube-vip.io/kube-vip-class' } }), true],
    ['another class', service({ spec: { loadBalancerClass: 'other.io/class' } }), false],
    ['ignored', service({ annotations: { 'kube-vip.io/ignore': 'true' } }), false],
    ['going', service({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), false],
  ])('%s', (_what, one, expected) => expect(isServed(one, RULE)).toBe(expected));

  it('keeps to its namespace', () => {
    expect(isServed(service(), { ...RULE, namespace: 'default' })).toBe(true);
    expect(isServed(service(), { ...RULE, namespace: 'other' })).toBe(false);
  });

  it.each([
    [undefined, 'legacy', 'x', true, false],
    ['x', 'legacy', 'x', true, true],
    [undefined, 'modern', '', false, true],
    ['x', 'modern', '', false, false],
    [undefined, 'modern', 'x', false, false],
    ['x', 'modern', 'x', false, true],
  ] as const)('class %s under %s handling of "%s"', (given, handling, name, classOnly, expected) =>
    expect(matchesClass(given, { handling, name, classOnly })).toBe(expected),
  );
});

describe('addresses of a Service', () => {
  const ip = (text: string) => ({ annotations: { 'kube-vip.io/loadbalancerIPs': text } });
  it.each([
    [
      'the annotation, in its order, spaces trimmed',
      { ...ip('10.0.0.2, fd00::1,10.0.0.2') },
      ['10.0.0.2', 'fd00::1'],
    ],
    ['the annotation even when empty', { ...ip(''), status: ['10.0.0.1'] }, []],
    [
      'the status',
      { status: ['10.0.0.1', 'fd00::1'], spec: { loadBalancerIP: '10.0.0.1' } },
      ['10.0.0.1', 'fd00::1'],
    ],
    [
      'the spec when it contradicts the status',
      { status: ['10.0.0.1'], spec: { loadBalancerIP: '10.0.0.9' } },
      ['10.0.0.9'],
    ],
    [
      'the status when the spec is of another family',
      { status: ['10.0.0.1'], spec: { loadBalancerIP: 'fd00::9' } },
      ['10.0.0.1'],
    ],
    ['the spec', { spec: { loadBalancerIP: '10.0.0.9' } }, ['10.0.0.9']],
    ['canonical text', { ...ip('FD00:0:0::1') }, ['fd00::1']],
    ['none', {}, []],
  ] as const)('%s', (_what, parts, expected) =>
    expect(addressesOf(service(parts)).addresses).toEqual(expected),
  );

  it('tells what it cannot use and uses the rest', () => {
    const { addresses, problems } = addressesOf(service(ip('10.0.0.1,banana,0.0.0.0,bad_.name!')));
    expect(addresses).toEqual(['10.0.0.1', expect.stringMatching(/^100::/)]);
    expect(problems.map(({ reason }) => reason)).toEqual(['InvalidRequest', 'InvalidRequest']);
  });
});

describe('addresses that the cloud provider refused', () => {
  const taken = (text: string, field = 'kube-vip.io/loadbalancerIPs') =>
    `${field}=${text}: ${text} belongs to Service default/other`;
  const judged = (parts: Parts, status: 'True' | 'False', message: string, reason = 'AddressConflict') => {
    const one = service(parts);
    const condition = { type: 'fairlead.io/AddressAllocated', status, reason, message };
    return addressesOf({ ...one, status: { ...one.status, conditions: [condition] } } as unknown as Service);
  };
  const annotated = (text: string) => ({ annotations: { 'kube-vip.io/loadbalancerIPs': text } });

  it('are none, with the reason', () => {
    expect(judged(annotated('10.0.0.1'), 'False', taken('10.0.0.1'))).toEqual({
      addresses: [],
      dhcp: [],
      refused: true,
      names: [],
      problems: [
        {
          reason: 'AddressRefused',
          message:
            'no node answers for 10.0.0.1: kube-vip.io/loadbalancerIPs=10.0.0.1: 10.0.0.1 belongs to Service default/other',
        },
      ],
    });
    const inSpec = { spec: { loadBalancerIP: '10.0.0.1' }, status: ['10.0.0.1'] };
    expect(judged(inSpec, 'False', taken('10.0.0.1', 'spec.loadBalancerIP')).addresses).toEqual([]);
  });

  it('are served once they are allowed, or asked for anew in other words', () => {
    expect(judged(annotated('10.0.0.1'), 'True', 'has 10.0.0.1', 'Allocated').addresses).toEqual([
      '10.0.0.1',
    ]);
    expect(judged(annotated('10.0.0.2'), 'False', taken('10.0.0.1')).addresses).toEqual(['10.0.0.2']);
    // 10.0.0.1 is how 10.0.0.11 begins.
    expect(judged(annotated('10.0.0.11'), 'False', taken('10.0.0.1')).addresses).toEqual(['10.0.0.11']);
    const moved = { ...annotated('10.0.0.1'), spec: { loadBalancerIP: '10.0.0.1' } };
    expect(judged(moved, 'False', taken('10.0.0.1', 'spec.loadBalancerIP')).addresses).toEqual(['10.0.0.1']);
  });

  it('are none either when the pool had nothing to give and only the status names some', () => {
    const full = 'all 3 IPv4 addresses of range-global are in use';
    expect(judged({ status: ['10.0.0.1'] }, 'False', full, 'PoolExhausted').addresses).toEqual([]);
    // The peer's cloud provider gave one since and left the condition as it was.
    expect(judged(annotated('10.0.0.7'), 'False', full, 'PoolExhausted').addresses).toEqual(['10.0.0.7']);
  });

  it('are told once, where there is something to tell', () => {
    expect(judged({}, 'False', 'full', 'PoolExhausted').problems).toEqual([]);
    const { problems } = judged(annotated('banana'), 'False', taken('banana'), 'InvalidRequest');
    expect(problems.map(({ reason }) => reason)).toEqual(['InvalidRequest']);
  });
});

describe('endpoints', () => {
  it('come from all slices of a Service, each pod once, the better state counts', () => {
    const endpoints = endpointsByService([
      slice([
        { address: '10.1.0.1', ready: true },
        { address: '10.1.0.2', ready: false, serving: true, terminating: true },
      ]),
      slice([{ address: '10.1.0.2', ready: true }, { address: '10.1.0.3' }], 'echo-2'),
      slice([{ address: '10.9.9.9', ready: true }], 'other-1', 'other'),
    ]).get('default/echo');
    expect(endpoints?.map(({ address, state }) => [address, state])).toEqual([
      ['10.1.0.1', 'ready'],
      ['10.1.0.2', 'ready'],
      ['10.1.0.3', 'ready'],
    ]);
  });

  it('that terminate count only while none is ready', () => {
    const draining = { address: '10.1.0.1', ready: false, serving: true, terminating: true };
    const one = served(service(), slice([draining]));
    expect(endpointsFrom(one, 'n1', NOBODY)).toHaveLength(1);
    const two = served(service(), slice([draining, { address: '10.1.0.2', ready: true }]));
    expect(endpointsFrom(two, 'n1', NOBODY).map(({ address }) => address)).toEqual(['10.1.0.2']);
  });

  it('that are neither ready nor serving do not count at all', () => {
    const one = served(
      service(),
      slice([
        { address: '10.1.0.1', ready: false },
        { address: '10.1.0.2', ready: false, serving: true },
      ]),
    );
    expect(one.endpoints).toEqual([]);
  });

  const pod = fc.record({
    node: fc.constantFrom('n1', 'n2', 'n3'),
    state: fc.constantFrom('ready', 'draining', 'down'),
  });
  it('hold to the rules for any set of pods', () => {
    fc.assert(
      fc.property(
        fc.array(pod, { maxLength: 12 }),
        fc.uniqueArray(fc.constantFrom('n1', 'n2', 'n3')),
        fc.constantFrom('Cluster', 'Local'),
        (pods, lostList, policy) => {
          const lostNodes = new Set<string>(lostList);
          const states = pods.map(({ node, state }, index) => ({
            address: `10.1.0.${index + 1}`,
            node,
            ready: state === 'ready',
            serving: state !== 'down',
            terminating: state === 'draining',
          }));
          const { endpoints } = served(service(), slice(states));
          const usable = usableEndpoints(endpoints, { policy, node: 'n1', lostNodes });
          const near = endpoints.filter(({ node }) => policy === 'Cluster' || node === 'n1');
          const alive = near.filter(({ node }) => node !== undefined && !lostNodes.has(node));
          // Never empty-handed when there is something, never a worse one beside a better one.
          expect(usable.length > 0).toBe(near.length > 0);
          if (alive.length > 0) expect(usable.every(({ node }) => !lostNodes.has(node ?? ''))).toBe(true);
          expect(new Set(usable.map(({ state }) => state)).size).toBeLessThanOrEqual(1);
          if (alive.some(({ state }) => state === 'ready')) expect(usable[0]?.state).toBe('ready');
        },
      ),
    );
  });
});

describe('nodes that can own a Service', () => {
  const LOCAL = service({ spec: { externalTrafficPolicy: 'Local' } });
  const NODES = NodeBook.read(
    ['n1', 'n2', 'n3'].map(
      (name, index) => ({ metadata: { name, labels: { zone: index < 2 ? 'a' : 'b' } } }) as Node,
    ),
    true,
  );
  const pods = [
    { address: '10.1.0.1', node: 'n1', ready: true },
    { address: '10.1.0.2', node: 'n2', ready: true },
  ];
  it('are all with policy Cluster, as long as there is an endpoint', () => {
    expect(candidatesOf(served(service(), slice(pods)), NODES)).toBe('any');
    expect(candidatesOf(served(service()), NODES)).toEqual(new Set());
    const always = service({ annotations: { 'kube-vip.io/allow-reconcile-without-endpoints': 'True' } });
    expect(candidatesOf(served(always), NODES)).toBe('any');
  });
  it('are those with an endpoint with policy Local', () => {
    const local = served(LOCAL, slice(pods));
    expect(candidatesOf(local, NODES)).toEqual(new Set(['n1', 'n2']));
  });
  it('are found in all slices of a Service with many pods', () => {
    const many = Array.from({ length: 250 }, (_, index) => ({
      address: `10.2.${index >> 8}.${index & 255}`,
      node: index < 249 ? 'n1' : 'n3',
      ready: true,
    }));
    const slices = [0, 100, 200].map((first) => slice(many.slice(first, first + 100), `echo-${first}`));
    expect(candidatesOf(served(LOCAL, ...slices), NODES)).toEqual(new Set(['n1', 'n3']));
    expect(candidatesOf(served(LOCAL, ...slices.slice(0, 2)), NODES)).toEqual(new Set(['n1']));
  });
  it('are those with a ready endpoint rather than one that terminates', () => {
    const draining = { address: '10.1.0.3', node: 'n3', ready: false, serving: true, terminating: true };
    expect(candidatesOf(served(LOCAL, slice([...pods, draining])), NODES)).toEqual(new Set(['n1', 'n2']));
    expect(candidatesOf(served(LOCAL, slice([draining])), NODES)).toEqual(new Set(['n3']));
    const gone = { ...draining, serving: false };
    expect(candidatesOf(served(LOCAL, slice([gone])), NODES)).toEqual(new Set());
  });
  it('are among those that the selector chooses', () => {
    const selecting = (text: string, spec = {}) =>
      served(service({ annotations: { 'fairlead.io/node-selector': text }, spec }), slice(pods));
    expect(candidatesOf(selecting('zone=a'), NODES)).toEqual(new Set(['n1', 'n2']));
    expect(candidatesOf(selecting('zone in (a, b), zone != a'), NODES)).toEqual(new Set(['n3']));
    expect(candidatesOf(selecting('!zone'), NODES)).toEqual(new Set());
    expect(candidatesOf(selecting(' '), NODES)).toBe('any');
    expect(candidatesOf(selecting('zone=a'), NodeBook.unknown)).toEqual(new Set());
    const local = { externalTrafficPolicy: 'Local' } as const;
    expect(candidatesOf(selecting('zone=b', local), NODES)).toEqual(new Set());
    expect(candidatesOf(selecting('zone', local), NODES)).toEqual(new Set(['n1', 'n2']));
  });
  it('are none when the selector cannot be read, and that is told', () => {
    const one = served(service({ annotations: { 'fairlead.io/node-selector': 'zone in a' } }), slice(pods));
    expect(candidatesOf(one, NODES)).toEqual(new Set());
    expect(one.problems.map(({ reason }) => reason)).toEqual(['NodeSelectorInvalid']);
  });
});

it('refuses a common Lease with policy Local', () => {
  const annotations = { 'kube-vip.io/leaseName': 'shared' };
  expect(served(service({ annotations })).commonLease).toEqual({ namespace: 'default', name: 'shared' });
  const local = served(service({ annotations, spec: { externalTrafficPolicy: 'Local' } }));
  expect(local.commonLease).toBeUndefined();
  expect(local.problems.map(({ reason }) => reason)).toEqual(['LeaseNameInvalid']);
});

it('orders Services by age, then by name', () => {
  const at = (name: string, creationTimestamp: string) => service({ metadata: { name, creationTimestamp } });
  const services = servedServices(
    [at('b', '2026-01-02T00:00:00Z'), at('c', '2026-01-01T00:00:00Z'), at('a', '2026-01-02T00:00:00Z')],
    [],
    RULE,
  );
  expect(services.map(({ name }) => name)).toEqual(['c', 'a', 'b']);
});

describe('endpointsKnown', () => {
  it('tells a Service nobody has looked for from one without ready pods', () => {
    const selecting = service({ spec: { selector: { app: 'echo' } } });
    expect(served(selecting).endpointsKnown).toBe(false);
    expect(served(selecting, slice([])).endpointsKnown).toBe(true);
    // Nobody writes slices for it but its user.
    expect(served(service()).endpointsKnown).toBe(true);
  });
});
