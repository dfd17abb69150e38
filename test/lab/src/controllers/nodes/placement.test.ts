// SPDX-License-Identifier: Apache-2.0
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { node, pod } from '../testing/objects.ts';
import { needsPlacement, placePod } from './placement.ts';

const CONTROL_PLANE_TAINT = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };
const OWNER = { kind: 'ReplicaSet', name: 'echo-1', uid: 'uid-echo-1' };
const NODES = [
  node('control-plane', { taints: [CONTROL_PLANE_TAINT] }),
  node('worker1'),
  node('worker2'),
  node('worker3', { labels: { disk: 'ssd' } }),
];
const pending = (spec: Partial<NonNullable<Pod['spec']>> = {}) =>
  pod({ name: 'new', phase: 'Pending', owner: OWNER, spec });

describe('placement of pods', () => {
  it('spreads the pods of one owner over the workers', () => {
    const placed: Pod[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      const { nodeName } = placePod({ pod: pod({ name, owner: OWNER }), nodes: NODES, pods: placed });
      placed.push(pod({ name, owner: OWNER, node: nodeName ?? 'none' }));
    }
    expect(placed.map((one) => one.spec?.nodeName)).toEqual(['worker1', 'worker2', 'worker3', 'worker1']);
  });

  it.each([
    ['node selector', { nodeSelector: { disk: 'ssd' } }, 'worker3'],
    ['toleration', { nodeSelector: {}, tolerations: [{ operator: 'Exists' }] }, 'control-plane'],
    [
      'required affinity by name',
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['worker2'] }] },
              ],
            },
          },
        },
      },
      'worker2',
    ],
    [
      'preferred affinity',
      {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 10, preference: { matchExpressions: [{ key: 'disk', operator: 'Exists' }] } },
            ],
          },
        },
      },
      'worker3',
    ],
  ])('obeys a %s', (_name, spec, expected) => {
    expect(placePod({ pod: pending(spec), nodes: NODES, pods: [] }).nodeName).toBe(expected);
  });

  it('says why a pod fits nowhere', () => {
    const nodes = [
      node('control-plane', { taints: [CONTROL_PLANE_TAINT] }),
      node('worker1', { ready: 'Unknown' }),
      node('worker2', { unschedulable: true }),
    ];
    expect(placePod({ pod: pending(), nodes, pods: [] })).toEqual({
      nodeName: undefined,
      message:
        '0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, ' +
        '1 node(s) were not ready, 1 node(s) were unschedulable.',
    });
  });

  it('keeps host ports apart', () => {
    const ports = { hostNetwork: true, containers: [{ name: 'main', ports: [{ containerPort: 2112 }] }] };
    const there = pod({ name: 'there', node: 'worker1', spec: ports });
    const nodes = [node('worker1')];
    expect(placePod({ pod: pending(ports), nodes, pods: [there] }).nodeName).toBeUndefined();
    expect(placePod({ pod: pending(), nodes, pods: [there] }).nodeName).toBe('worker1');
  });

  it('depends on nothing but its input, whatever the order', () => {
    const names = fc.shuffledSubarray(['worker1', 'worker2', 'worker3', 'worker4', 'worker5'], {
      minLength: 1,
    });
    const load = fc.array(fc.constantFrom('worker1', 'worker2', 'worker3'), { maxLength: 8 });
    fc.assert(
      fc.property(names, load, (order, taken) => {
        const pods = taken.map((name, index) => pod({ name: `p${index}`, node: name, owner: OWNER }));
        const here = placePod({ pod: pending(), nodes: order.map((name) => node(name)), pods });
        const there = placePod({
          pod: pending(),
          nodes: order.toSorted().map((name) => node(name)),
          pods: pods.toReversed(),
        });
        expect(here).toEqual(there);
        const loadOf = (name: string | undefined) => taken.filter((other) => other === name).length;
        expect(loadOf(here.nodeName)).toBe(Math.min(...order.map(loadOf)));
      }),
    );
  });

  it('takes only pods that wait for it', () => {
    expect(needsPlacement(pending())).toBe(true);
    expect(needsPlacement(pending({ nodeName: 'worker1' }))).toBe(false);
    expect(needsPlacement(pending({ schedulerName: 'other' }))).toBe(false);
    expect(needsPlacement(pod({ name: 'x', phase: 'Pending', terminating: true }))).toBe(false);
  });
});
