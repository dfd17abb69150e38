// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOlderVersion, ObjectStore } from './object-store.ts';
import { type KubeObject, keyOf } from './objects.ts';
import type { Change } from './reflector.ts';

interface Thing extends KubeObject {
  readonly value?: number;
}

/** A cluster of a few names, as the API server would tell of it. */
class Model {
  readonly objects = new Map<string, Thing>();
  readonly log: { type: 'put' | 'remove'; object: Thing }[] = [];
  #version = 0;
  #uid = 0;

  /** Creates or changes; creates anew after a removal, with a new uid. */
  put(name: string): void {
    const uid = this.objects.get(name)?.metadata?.uid ?? `u${++this.#uid}`;
    this.#write(name, uid);
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    if (object === undefined) return;
    this.objects.delete(name);
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) };
    this.log.push({ type: 'remove', object: { ...object, metadata } });
  }

  #write(name: string, uid: string): void {
    const metadata = { namespace: 'n', name, uid, resourceVersion: String(++this.#version) };
    const object = { metadata, value: this.#version };
    this.objects.set(name, object);
    this.log.push({ type: 'put', object });
  }
}

/** What a listener that only follows changes believes to exist; it insists that each change makes sense. */
class Follower {
  readonly seen = new Map<string, Thing>();

  take(changes: readonly Change<Thing>[]): void {
    for (const change of changes) {
      const key = keyOf(change.object);
      const before = this.seen.get(key);
      if (change.type === 'added') expect(before).toBeUndefined();
      else expect(before?.metadata?.uid).toBe(change.object.metadata?.uid);
      if (change.type === 'updated') expect(change.previous).toBe(before);
      if (change.type === 'deleted') this.seen.delete(key);
      else this.seen.set(key, change.object);
    }
  }
}

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('put' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('remove' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }),
    },
    // The watch delivers what has not been delivered, up to so many events, and perhaps some it delivered before.
    { weight: 3, arbitrary: fc.record({ do: fc.constant('deliver' as const), count: fc.nat(4) }) },
    // Events are lost for good (compaction), so the state is listed.
    { weight: 1, arbitrary: fc.record({ do: fc.constant('list' as const) }) },
  ),
  { maxLength: 60 },
);

test('whatever is delivered, lost and listed: the store ends as the cluster, and the changes tell exactly how', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const model = new Model();
      const store = new ObjectStore<Thing>();
      const follower = new Follower();
      let delivered = 0;
      const deliver = (count: number) => {
        for (const { type, object } of model.log.slice(delivered, delivered + count)) {
          follower.take(type === 'put' ? store.put(object) : store.remove(object));
          // The same event once more, as after a reconnect, is no news.
          expect(type === 'put' ? store.put(object) : store.remove(object)).toEqual([]);
          delivered += 1;
        }
      };
      const list = () => {
        follower.take(store.replaceAll([...model.objects.values()]));
        expect(store.replaceAll([...model.objects.values()])).toEqual([]);
        delivered = model.log.length;
      };
      for (const step of history) {
        if (step.do === 'put') model.put(step.name);
        else if (step.do === 'remove') model.remove(step.name);
        else if (step.do === 'deliver') deliver(step.count);
        else list();
        expect(new Map([...store.values()].map((object) => [keyOf(object), object]))).toEqual(follower.seen);
      }
      deliver(Number.POSITIVE_INFINITY);
      expect([...store.values()].map((o) => o.value).sort()).toEqual(
        [...model.objects.values()].map((o) => o.value).sort(),
      );
    }),
    { numRuns: 500 },
  );
});

const thing = (name: string, uid: string, resourceVersion: string): Thing => ({
  metadata: { name, uid, resourceVersion },
});

test('an object recreated between two lists is deleted and added, deletions first', () => {
  const store = new ObjectStore<Thing>();
  store.replaceAll([thing('a', 'u1', '1'), thing('b', 'u2', '2')]);
  const changes = store.replaceAll([thing('c', 'u4', '4'), thing('a', 'u3', '3')]);
  expect(changes.map((c) => `${c.type} ${c.object.metadata?.uid}`)).toEqual([
    'deleted u1',
    'deleted u2',
    'added u4',
    'added u3',
  ]);
});

test('a deletion carries the last state, of the incarnation that was known', () => {
  const store = new ObjectStore<Thing>();
  store.put(thing('a', 'u1', '1'));
  expect(store.remove(thing('a', 'u1', '5'))).toEqual([{ type: 'deleted', object: thing('a', 'u1', '5') }]);
  store.put(thing('a', 'u2', '6'));
  expect(store.remove(thing('a', 'u3', '9'))).toEqual([{ type: 'deleted', object: thing('a', 'u2', '6') }]);
  expect(store.get(undefined, 'a')).toBeUndefined();
});

test('versions compare as numbers of any length, and never when they are none', () => {
  expect(isOlderVersion('9', '10')).toBe(true);
  expect(isOlderVersion('9007199254740993', '9007199254740992')).toBe(false);
  expect(isOlderVersion('a', 'b')).toBe(false);
  expect(isOlderVersion('', '5')).toBe(false);
});
