// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice, Pod, Service } from '@fairlead/shared/kubernetes/objects.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOW_MS, pod, service } from '../testing/objects.ts';
import { planEndpointSlices } from './endpoint-slices.ts';
import { planEndpoints } from './endpoints.ts';

let created = 0;

/** Carries a plan out; the result is what the next plan sees. */
function settle(of: Service, pods: readonly Pod[], before: readonly EndpointSlice[] = [], most = 100) {
  const { actions } = planEndpointSlices({
    service: of,
    pods,
    slices: before,
    nowMs: NOW_MS,
    maxEndpoints: most,
  });
  const slices = new Map(before.map((slice) => [slice.metadata?.name ?? '', slice]));
  for (const action of actions) {
    if (action.verb === 'delete') slices.delete(action.target.metadata?.name ?? '');
    if (action.verb !== 'create' && action.verb !== 'replace') continue;
    const object = action.object as EndpointSlice;
    const name = object.metadata?.name ?? `new-${++created}`;
    slices.set(name, { ...object, metadata: { ...object.metadata, name } });
  }
  return { slices: [...slices.values()], actions };
}

const addresses = (slices: readonly EndpointSlice[]) =>
  slices.flatMap((slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses)).toSorted();

describe('EndpointSlices', () => {
  it.each([
    [{ ready: true }, { ready: true, serving: true, terminating: false }],
    [{ ready: false }, { ready: false, serving: false, terminating: false }],
    [
      { ready: true, terminating: true },
      { ready: false, serving: true, terminating: true },
    ],
  ])('a pod that is %o has the conditions %o', (shape, conditions) => {
    const { slices } = settle(service(), [
      pod({ name: 'a', node: 'worker1', ips: ['10.244.1.2'], ...shape }),
    ]);
    expect(slices).toHaveLength(1);
    expect(slices[0]).toMatchObject({
      addressType: 'IPv4',
      ports: [{ name: '', protocol: 'TCP', port: 8080 }],
      metadata: {
        generateName: 'echo-',
        labels: {
          'kubernetes.io/service-name': 'echo',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
      },
      endpoints: [
        { addresses: ['10.244.1.2'], conditions, nodeName: 'worker1', targetRef: { kind: 'Pod', name: 'a' } },
      ],
    });
  });

  it('publishes unready pods when the Service says so', () => {
    const of = service({ publishNotReadyAddresses: true });
    const { slices } = settle(of, [pod({ name: 'a', ips: ['10.244.1.2'], ready: false })]);
    expect(slices[0]?.endpoints?.[0]?.conditions).toEqual({
      ready: true,
      serving: false,
      terminating: false,
    });
  });

  it('makes one set of slices per family, and an empty one where there is no endpoint', () => {
    const of = service({ ipFamilies: ['IPv4', 'IPv6'] });
    const { slices } = settle(of, [
      pod({ name: 'a', ips: ['10.244.1.2', 'fd00:10:244:1::2'] }),
      pod({ name: 'b' }),
    ]);
    expect(slices.map((slice) => slice.addressType)).toEqual(['IPv4', 'IPv6']);
    expect(addresses(slices)).toEqual(['10.244.1.2', 'fd00:10:244:1::2']);
    const empty = settle(of, []).slices;
    expect(empty.map((slice) => slice.endpoints)).toEqual([[], []]);
    expect(settle(of, [], empty).actions).toEqual([]);
  });

  it('resolves named target ports against each pod, slices with different ports apart', () => {
    const of = service({ ports: [{ name: 'web', port: 80, targetPort: 'http' }] });
    const withPort = (name: string, ip: string, port: number) =>
      pod({
        name,
        ips: [ip],
        spec: { containers: [{ name: 'main', ports: [{ name: 'http', containerPort: port }] }] },
      });
    const { slices } = settle(of, [withPort('a', '10.244.1.2', 8080), withPort('b', '10.244.1.3', 9090)]);
    expect(slices.map((slice) => slice.ports?.[0]?.port).toSorted()).toEqual([8080, 9090]);
  });

  it('leaves Services without selector and foreign slices alone', () => {
    const { selector: _none, ...spec } = service().spec ?? {};
    expect(
      planEndpointSlices({ service: { ...service(), spec }, pods: [], slices: [], nowMs: NOW_MS }).actions,
    ).toEqual([]);
    const foreign: EndpointSlice = {
      metadata: { name: 'mine', labels: { 'kubernetes.io/service-name': 'echo' } },
      addressType: 'IPv4',
      endpoints: [],
    };
    expect(settle(service(), [], [foreign]).slices).toContain(foreign);
  });

  it('holds exactly the pods that there are, few per slice, and is quiet when nothing changed', () => {
    const populations = fc.array(fc.uniqueArray(fc.integer({ min: 2, max: 40 }), { maxLength: 30 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(populations, fc.integer({ min: 1, max: 7 }), (rounds, most) => {
        let slices: readonly EndpointSlice[] = [];
        for (const numbers of rounds) {
          const pods = numbers.map((number) => pod({ name: `p${number}`, ips: [`10.244.1.${number}`] }));
          slices = settle(service(), pods, slices, most).slices;
          expect(addresses(slices)).toEqual(numbers.map((number) => `10.244.1.${number}`).toSorted());
          for (const slice of slices) expect(slice.endpoints?.length ?? 0).toBeLessThanOrEqual(most);
          expect(settle(service(), pods, slices, most).actions).toEqual([]);
        }
      }),
    );
  });
});

describe('Endpoints', () => {
  it('lists ready and unready addresses apart, and no terminating pod', () => {
    const pods = [
      pod({ name: 'a', node: 'worker1', ips: ['10.244.1.2'] }),
      pod({ name: 'b', ips: ['10.244.1.3'], ready: false }),
      pod({ name: 'c', ips: ['10.244.1.4'], terminating: true }),
    ];
    const { actions } = planEndpoints({ service: service(), pods, current: undefined, nowMs: NOW_MS });
    expect(actions).toMatchObject([
      {
        verb: 'create',
        object: {
          subsets: [
            {
              addresses: [{ ip: '10.244.1.2', nodeName: 'worker1' }],
              notReadyAddresses: [{ ip: '10.244.1.3' }],
              ports: [{ port: 8080, protocol: 'TCP' }],
            },
          ],
        },
      },
    ]);
    const [first] = actions;
    if (first?.verb !== 'create') throw new Error('expected a creation');
    expect(planEndpoints({ service: service(), pods, current: first.object, nowMs: NOW_MS }).actions).toEqual(
      [],
    );
  });
});
