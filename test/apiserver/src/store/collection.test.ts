// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ApiObject } from '../api/objects.ts';
import { Store } from './store.ts';

const NAMES = ['a/x', 'a/y', 'a-b/x', 'b/x', 'b/z'];

function object(key: string, value: number): ApiObject {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name },
    data: { value: String(value) },
  };
}

const operations = fc.array(
  fc.record({ key: fc.constantFrom(...NAMES), remove: fc.boolean(), other: fc.boolean() }),
  { maxLength: 60 },
);

describe('Collection', () => {
  it('can be read at every revision that its history reaches back to', () => {
    fc.assert(
      fc.property(operations, fc.integer({ min: 1, max: 40 }), (steps, maxChanges) => {
        const store = new Store({ maxChanges, maxAgeMs: 1e9 }, () => 0);
        const collection = store.collection('configmaps');
        const snapshots = new Map<number, string>();
        const shot = () => JSON.stringify(collection.list().map((entry) => entry.object));
        snapshots.set(store.revision, shot());
        for (const [index, { key, remove, other }] of steps.entries()) {
          if (other) store.collection('secrets').put(key, object(key, index));
          else if (remove) collection.remove(key);
          else collection.put(key, object(key, index));
          snapshots.set(store.revision, shot());
        }
        for (const [revision, expected] of snapshots) {
          const entries = collection.listAt(revision);
          if (revision < collection.compactedRevision) expect(entries).toBeUndefined();
          else expect(JSON.stringify(entries?.map((entry) => entry.object))).toBe(expected);
        }
      }),
    );
  });

  it('replays to the present state from any kept revision', () => {
    fc.assert(
      fc.property(operations, fc.nat(60), (steps, from) => {
        const store = new Store({ maxChanges: 1000, maxAgeMs: 1e9 }, () => 0);
        const collection = store.collection('configmaps');
        for (const [index, { key, remove }] of steps.entries()) {
          if (remove) collection.remove(key);
          else collection.put(key, object(key, index));
        }
        const revision = Math.min(from + 1, store.revision);
        const state = new Map(collection.listAt(revision)?.map((entry) => [entry.key, entry.object]));
        for (const change of collection.changesSince(revision) ?? []) {
          expect(change.type === 'ADDED').toBe(!state.has(change.entry.key));
          if (change.type === 'DELETED') state.delete(change.entry.key);
          else state.set(change.entry.key, change.entry.object);
        }
        const sorted = [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
        expect(sorted).toEqual(collection.list().map((entry) => entry.object));
      }),
    );
  });

  it('lists one namespace without its namesakes', () => {
    const collection = new Store().collection('configmaps');
    for (const key of NAMES) collection.put(key, object(key, 0));
    expect(collection.list('a').map((entry) => entry.key)).toEqual(['a/x', 'a/y']);
    expect(collection.list().map((entry) => entry.key)).toEqual(['a-b/x', 'a/x', 'a/y', 'b/x', 'b/z']);
  });

  it('tells listeners in the tick of the write, with one revision sequence for all collections', () => {
    const store = new Store();
    const seen: string[] = [];
    store.collection('a').subscribe((change) => seen.push(`a ${change.type} ${change.revision}`));
    const stop = store
      .collection('b')
      .subscribe((change) => seen.push(`b ${change.type} ${change.revision}`));
    store.collection('a').put('x/1', object('x/1', 1));
    store.collection('b').put('x/1', object('x/1', 1));
    store.collection('a').put('x/1', object('x/1', 2));
    stop();
    store.collection('b').remove('x/1');
    store.collection('a').remove('x/1');
    expect(seen).toEqual(['a ADDED 2', 'b ADDED 3', 'a MODIFIED 4', 'a DELETED 6']);
  });

  it('forgets changes that are too old', () => {
    let now = 0;
    const store = new Store({ maxChanges: 100, maxAgeMs: 1000 }, () => now);
    const collection = store.collection('a');
    collection.put('x/1', object('x/1', 1));
    now = 2000;
    collection.put('x/2', object('x/2', 1));
    expect(collection.changesSince(1)).toBeUndefined();
    expect(collection.changesSince(2)?.length).toBe(1);
    store.compact();
    expect(collection.changesSince(2)).toBeUndefined();
    expect(collection.changesSince(3)).toEqual([]);
  });
});
