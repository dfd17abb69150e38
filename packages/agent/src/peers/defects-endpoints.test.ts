// SPDX-License-Identifier: Apache-2.0
import { type EndpointSlice, keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { NodeBook } from '../ownership/node-eligibility.ts';
import { candidatesOf, servedServices } from '../services/served-service.ts';
import { serviceObject, sliceObject } from '../testing/agents.ts';

/*
 * A7 of our register: which nodes can serve a Service. The peer keeps the last slice of each family only, ignores readiness
 * with policy Cluster, takes an endpoint that does not say whether it serves for one that does not, and does not look again
 * when a slice is deleted.
 */

const RULE = {
  classRule: { handling: 'legacy', name: 'kube-vip.io/kube-vip-class', classOnly: false },
  namespace: undefined,
} as const;

type Conditions = NonNullable<NonNullable<EndpointSlice['endpoints']>[number]['conditions']>;

function candidates(
  policy: 'Local' | 'Cluster',
  slices: readonly EndpointSlice[],
): 'any' | readonly string[] {
  const service: Service = serviceObject('web', '192.0.2.1', { externalTrafficPolicy: policy });
  const [served] = servedServices([service], slices, RULE);
  if (served?.key !== keyOf(service)) throw new Error('the Service is not served');
  const found = candidatesOf(served, NodeBook.unknown);
  return found === 'any' ? found : [...found].sort();
}

function slice(name: string, node: string, conditions: Conditions = { ready: true }): EndpointSlice {
  const made = sliceObject('web', { [`10.244.${node.at(-1)}.1`]: node }, name);
  return { ...made, endpoints: (made.endpoints ?? []).map((each) => ({ ...each, conditions })) };
}

describe('A7', () => {
  it('the last slice is the only one: a Service with more than 100 endpoints', () => {
    const slices = [1, 2, 3].map((index) =>
      sliceObject(
        'web',
        Object.fromEntries(
          Array.from({ length: 100 }, (_, pod) => [`10.244.${index}.${pod + 1}`, `worker${index}`]),
        ),
        `web-${index}`,
      ),
    );
    expect(candidates('Local', slices)).toEqual(['worker1', 'worker2', 'worker3']);
    expect(candidates('Local', slices.toReversed())).toEqual(['worker1', 'worker2', 'worker3']);
  });

  it('readiness is ignored with policy Cluster: the address stays with no ready pod', () => {
    const unready = slice('web-1', 'worker1', { ready: false, serving: false });
    expect(candidates('Cluster', [unready])).toEqual([]);
    expect(candidates('Cluster', [unready, slice('web-2', 'worker2')])).toBe('any');
  });

  it.each<readonly [string, Conditions, readonly string[]]>([
    ['nothing said', {}, ['worker1']],
    ['ready, serving not said', { ready: true }, ['worker1']],
    ['terminating, still ready, serving not said', { ready: true, terminating: true }, ['worker1']],
    ['terminating and serving', { ready: false, serving: true, terminating: true }, ['worker1']],
    ['not serving', { ready: false, serving: false }, []],
  ])('an absent condition is a no: %s', (_what, conditions, nodes) => {
    expect(candidates('Local', [slice('web-1', 'worker1', conditions)])).toEqual(nodes);
  });

  it('a deleted slice lives on', () => {
    const both = [slice('web-1', 'worker1'), slice('web-2', 'worker2')];
    expect(candidates('Local', both)).toEqual(['worker1', 'worker2']);
    expect(candidates('Local', both.slice(1))).toEqual(['worker2']);
    expect(candidates('Local', [])).toEqual([]);
  });
});
