// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS, REPLICA_SETS } from '@fairlead/shared/kubernetes/resources.ts';
import { describe, expect, it } from 'vitest';
import { NOW_MS, pod, replicaSet } from '../testing/objects.ts';
import { type Item, type OwnerState, planCollection } from './collection.ts';
import { OwnerGraph } from './owner-graph.ts';
import { planStrayPod } from './stray-pods.ts';

const OWNER = { kind: 'ReplicaSet', name: 'echo-1', uid: 'uid-echo-1' };
const child: Item = { resource: PODS, object: pod({ name: 'a', owner: OWNER }) };
const blocking: Item = {
  resource: PODS,
  object: {
    ...child.object,
    metadata: {
      ...child.object.metadata,
      ownerReferences: [{ apiVersion: 'apps/v1', ...OWNER, controller: true, blockOwnerDeletion: true }],
    },
  },
};

function owner(finalizer: string): Item {
  const object: KubeObject = replicaSet(1);
  return {
    resource: REPLICA_SETS,
    object: { ...object, metadata: { ...object.metadata, deletionTimestamp: 'x', finalizers: [finalizer] } },
  };
}

describe('garbage collection', () => {
  it.each<[OwnerState, string[]]>([
    ['present', []],
    ['unknown', []],
    ['absent', ['delete']],
    ['foreground', ['delete']],
  ])('of an object whose owner is %s does %j', (state, expected) => {
    const { actions } = planCollection({ item: child, ownerState: () => state, dependents: [] });
    expect(actions.map((action) => action.verb)).toEqual(expected);
  });

  it('keeps an object with one living owner and drops the reference to the dead one', () => {
    const two: Item = {
      resource: PODS,
      object: {
        metadata: {
          ...child.object.metadata,
          ownerReferences: [
            { apiVersion: 'v1', kind: 'A', name: 'alive', uid: 'alive' },
            { apiVersion: 'v1', kind: 'B', name: 'dead', uid: 'dead' },
          ],
        },
      },
    };
    const { actions } = planCollection({
      item: two,
      ownerState: ({ uid }) => (uid === 'alive' ? 'present' : 'absent'),
      dependents: [],
    });
    expect(actions).toMatchObject([
      { verb: 'merge', body: { metadata: { ownerReferences: [{ uid: 'alive' }] } } },
    ]);
  });

  it('deletes dependents before a foreground-deleted owner goes', () => {
    const item = owner('foregroundDeletion');
    const waiting = planCollection({ item, ownerState: () => 'unknown', dependents: [blocking] });
    expect(waiting.actions).toMatchObject([{ verb: 'delete', target: { metadata: { name: 'a' } } }]);
    const done = planCollection({ item, ownerState: () => 'unknown', dependents: [] });
    expect(done.actions).toMatchObject([{ verb: 'merge', body: { metadata: { finalizers: null } } }]);
  });

  it('sets dependents free before an orphaning owner goes', () => {
    const { actions } = planCollection({
      item: owner('orphan'),
      ownerState: () => 'unknown',
      dependents: [child],
    });
    expect(actions).toMatchObject([
      { target: { metadata: { name: 'a' } }, body: { metadata: { ownerReferences: null } } },
      { body: { metadata: { finalizers: null } } },
    ]);
  });
});

describe('the graph of owners', () => {
  it('names the children of what is gone and the owners of what was waited for', () => {
    const graph = new OwnerGraph();
    const set = replicaSet(1);
    expect(graph.put(REPLICA_SETS, set)).toEqual([]);
    expect(graph.put(PODS, child.object)).toEqual(['uid-a']);
    expect(graph.dependents('uid-echo-1').map((item) => item.object)).toEqual([child.object]);
    expect(graph.remove(set)).toEqual(['uid-a']);
    expect(graph.remove(child.object)).toEqual(['uid-echo-1']);
    expect(graph.dependents('uid-echo-1')).toEqual([]);
  });
});

describe('pods that no kubelet will remove', () => {
  const stray = (shape: Parameters<typeof pod>[0], nodeExists: boolean, nodeMissingForMs = 0) =>
    planStrayPod({ pod: pod(shape), nodeExists, nodeMissingForMs, quarantineMs: 5_000 });

  it('are those of deleted nodes after a while, and ending ones without node', () => {
    expect(stray({ name: 'a', node: 'gone' }, false, 1_000)).toEqual({ actions: [], againAfterMs: 4_000 });
    expect(stray({ name: 'a', node: 'gone' }, false, 5_000).actions).toHaveLength(1);
    expect(stray({ name: 'a', node: 'worker1' }, true, NOW_MS).actions).toEqual([]);
    expect(stray({ name: 'a', terminating: true }, false).actions).toHaveLength(1);
    expect(stray({ name: 'a' }, false).actions).toEqual([]);
  });
});
