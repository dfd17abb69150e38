// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOW_MS, pod, replicaSet } from '../testing/objects.ts';
import { planReplicaSet } from './replica-set.ts';

const OWNER = { kind: 'ReplicaSet', name: 'echo-1', uid: 'uid-echo-1' };
const mine = (name: string, shape: Partial<Parameters<typeof pod>[0]> = {}) =>
  pod({ name, owner: OWNER, node: 'worker1', ...shape });

function verbs(replicas: number, pods: ReturnType<typeof pod>[]) {
  const { actions } = planReplicaSet({ replicaSet: replicaSet(replicas), pods, nowMs: NOW_MS });
  return {
    created: actions.filter((action) => action.verb === 'create').length,
    deleted: actions.flatMap((action) => (action.verb === 'delete' ? [action.target.metadata?.name] : [])),
    merged: actions.flatMap((action) => (action.verb === 'merge' ? [action.target.metadata?.name] : [])),
    status: actions.find((action) => action.verb === 'replace'),
  };
}

describe('ReplicaSet', () => {
  it('creates what is missing, not counting pods that end or have ended', () => {
    const pods = [mine('a'), mine('b', { terminating: true }), mine('c', { phase: 'Failed' })];
    expect(verbs(3, pods).created).toBe(2);
  });

  it('gives up pods without a node first, then pending, then unready ones, then those of crowded nodes', () => {
    const pods = [
      mine('fine', { node: 'worker2' }),
      mine('unready', { ready: false }),
      mine('pending', { phase: 'Pending', ready: false }),
      pod({ name: 'unbound', owner: OWNER, phase: 'Pending', ready: false }),
      mine('crowded'),
    ];
    expect(verbs(4, pods).deleted).toEqual(['unbound']);
    expect(verbs(2, pods).deleted).toEqual(['unbound', 'pending', 'unready']);
    expect(verbs(1, pods).deleted).toEqual(['unbound', 'pending', 'unready', 'crowded']);
  });

  it('adopts pods without manager and lets go of those that no longer match', () => {
    const pods = [pod({ name: 'orphan' }), mine('renamed', { labels: { app: 'other' } })];
    const result = verbs(1, pods);
    expect(result.merged).toEqual(['orphan', 'renamed']);
    expect(result).toMatchObject({ created: 0, deleted: [] });
  });

  it('leaves pods of other owners and selectors alone', () => {
    const other = { kind: 'ReplicaSet', name: 'other', uid: 'uid-other' };
    expect(verbs(0, [pod({ name: 'x', owner: other }), pod({ name: 'y', labels: {} })])).toMatchObject({
      created: 0,
      deleted: [],
      merged: [],
    });
  });

  it('reports availability only after minReadySeconds, and asks to be woken for it', () => {
    const set = replicaSet(1);
    const waiting = {
      ...set,
      ...(set.spec === undefined ? {} : { spec: { ...set.spec, minReadySeconds: 7_200 } }),
    };
    const plan = planReplicaSet({ replicaSet: waiting, pods: [mine('a')], nowMs: NOW_MS });
    expect(plan.againAfterMs).toBe(3_600_000);
  });

  it('has the wanted number of pods after one step, and nothing to do after that', () => {
    const shapes = fc.array(
      fc.record({
        ready: fc.boolean(),
        terminating: fc.boolean(),
        node: fc.constantFrom('worker1', 'worker2'),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 12 }), (pods, replicas) => {
        const all = pods.map((shape, index) => mine(`p${index}`, shape));
        const { created, deleted } = verbs(replicas, all);
        const after = [
          ...all.map((one) => {
            const gone = deleted.includes(one.metadata?.name);
            return gone ? { ...one, metadata: { ...one.metadata, deletionTimestamp: 'now' } } : one;
          }),
          ...Array.from({ length: created }, (_, index) => mine(`new${index}`, { ready: false })),
        ];
        expect(verbs(replicas, after)).toMatchObject({ created: 0, deleted: [] });
        expect(created === 0 || deleted.length === 0).toBe(true);
      }),
    );
  });
});
