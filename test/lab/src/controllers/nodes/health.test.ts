// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { NOW_MS, node, pod } from '../testing/objects.ts';
import { planEviction } from './eviction.ts';
import { judgeNode, type NodeInput } from './health.ts';

function judge(shape: Partial<NodeInput>) {
  return judgeNode({
    node: node('worker1'),
    lease: { spec: { renewTime: '2026-01-01T12:00:00.000000Z' } },
    pods: [],
    memory: undefined,
    monotonicMs: 1_000,
    wallMs: NOW_MS,
    gracePeriodMs: 40_000,
    ...shape,
  });
}

describe('life cycle of a node', () => {
  it('lets a living node alone and asks to be woken when its time is up', () => {
    expect(judge({})).toMatchObject({ actions: [], againAfterMs: 40_000 });
  });

  it('counts from our own clock when the signs of life last changed', () => {
    const { memory } = judge({});
    expect(judge({ memory, monotonicMs: 31_000 }).againAfterMs).toBe(10_000);
    const renewed = judge({
      memory,
      monotonicMs: 31_000,
      lease: { spec: { renewTime: '2026-01-01T12:00:10.000000Z' } },
    });
    expect(renewed.againAfterMs).toBe(40_000);
  });

  it('turns a silent node Unknown, taints it and makes its pods unready', () => {
    const { memory } = judge({});
    const { actions } = judge({
      memory,
      monotonicMs: 41_000,
      pods: [pod({ name: 'a', node: 'worker1' }), pod({ name: 'b', node: 'worker1', ready: false })],
    });
    expect(actions).toMatchObject([
      {
        verb: 'replace',
        subresource: 'status',
        object: {
          status: {
            conditions: expect.arrayContaining([
              expect.objectContaining({ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }),
            ]),
          },
        },
      },
      { verb: 'event', reason: 'NodeNotReady' },
      {
        verb: 'merge',
        body: {
          spec: {
            taints: [
              { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' },
              { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
            ],
          },
        },
      },
      { verb: 'merge', target: { metadata: { name: 'a' } }, subresource: 'status' },
    ]);
  });

  it('does not quarrel with a kubelet that is back before its node is ready', () => {
    const unknown = node('worker1', { ready: 'Unknown' });
    const condition = unknown.status?.conditions?.[0];
    if (condition === undefined) throw new Error('test nodes have a condition');
    const lost = (at: string) => ({
      ...unknown,
      status: { conditions: [{ ...condition, lastTransitionTime: at }] },
    });
    // The pod has been ready since 11:00.
    const marked = (at: string) =>
      judge({ node: lost(at), pods: [pod({ name: 'a', node: 'worker1' })] }).actions.some(
        (action) => action.verb === 'merge' && action.subresource === 'status',
      );
    expect(marked('2026-01-01T11:30:00Z')).toBe(true);
    expect(marked('2026-01-01T10:30:00Z')).toBe(false);
  });

  it('takes its own taints off a node that is back, and only those', () => {
    const keep = { key: 'dedicated', value: 'db', effect: 'NoSchedule' };
    const taints = [keep, { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: 'x' }];
    const { actions } = judge({ node: node('worker1', { taints }) });
    expect(actions).toMatchObject([{ verb: 'merge', body: { spec: { taints: [keep] } } }]);
  });
});

describe('eviction', () => {
  const lost = node('worker1', {
    taints: [
      { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: '2026-01-01T11:59:50Z' },
    ],
  });
  const toleration = (tolerationSeconds?: number) => ({
    tolerations: [
      {
        key: 'node.kubernetes.io/unreachable',
        operator: 'Exists',
        effect: 'NoExecute',
        ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
      },
    ],
  });

  it.each([
    ['without toleration, by the default', {}, 290_000],
    ['with the default of the API server, by ours', toleration(300), 290_000],
    ['by its own tolerationSeconds', toleration(30), 20_000],
    ['never with a toleration without limit', toleration(), undefined],
    ['at once when the time is over', toleration(5), 'now'],
  ])('evicts a pod %s', (_name, spec, expected) => {
    const plan = planEviction({
      pod: pod({ name: 'a', node: 'worker1', spec }),
      node: lost,
      wallMs: NOW_MS,
      defaultStayMs: 300_000,
    });
    if (expected === 'now') expect(plan.actions.at(-1)).toMatchObject({ verb: 'delete' });
    else
      expect(plan).toEqual(
        expected === undefined ? { actions: [] } : { actions: [], againAfterMs: expected },
      );
  });
});
