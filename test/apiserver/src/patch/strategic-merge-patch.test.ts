// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrayOf, at, type Json, type JsonObject, objectOf } from '../api/objects.ts';
import { schemaOf } from '../schema/kinds.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';

const SERVICE = schemaOf('/Service');
const POD = schemaOf('/Pod');

const port = fc.record({ port: fc.integer({ min: 1, max: 6 }), name: fc.constantFrom('a', 'b', 'c') });
const ports = fc.uniqueArray(port, { selector: (item) => item.port, maxLength: 5 });
const labels = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.constantFrom('1', '2'));
const finalizers = fc.uniqueArray(fc.constantFrom('f/a', 'f/b', 'f/c'));
const service = fc.record({ ports, labels, finalizers }).map(
  (parts): JsonObject => ({
    metadata: { labels: parts.labels, finalizers: parts.finalizers },
    spec: { ports: parts.ports },
  }),
);

const keys = (value: Json | undefined): Json[] => arrayOf(value).map((item) => objectOf(item).port ?? null);

describe('strategicMergePatch', () => {
  test('a second application changes nothing', () => {
    fc.assert(
      fc.property(service, service, (target, patch) => {
        const once = strategicMergePatch(target, patch, SERVICE);
        expect(strategicMergePatch(once, patch, SERVICE)).toEqual(once);
      }),
    );
  });

  test('an object patched with itself stays as it is', () => {
    fc.assert(
      fc.property(service, (target) => {
        expect(strategicMergePatch(target, target, SERVICE)).toEqual(target);
      }),
    );
  });

  test('keyed lists unite: each key once, values of the patch, and its order', () => {
    fc.assert(
      fc.property(service, service, (target, patch) => {
        const merged = arrayOf(at(strategicMergePatch(target, patch, SERVICE), 'spec', 'ports'));
        const wanted = arrayOf(at(patch, 'spec', 'ports'));
        const numbers = keys([...merged]);
        expect(new Set(numbers).size).toBe(numbers.length);
        expect(new Set(numbers)).toEqual(
          new Set([...keys(at(target, 'spec', 'ports')), ...keys([...wanted])]),
        );
        expect(numbers.filter((number) => keys([...wanted]).includes(number))).toEqual(keys([...wanted]));
        for (const item of wanted) expect(merged).toContainEqual(item);
      }),
    );
  });

  test('a deletion takes out what it names and nothing else', () => {
    fc.assert(
      fc.property(service, fc.integer({ min: 1, max: 6 }), (target, number) => {
        const patch = { spec: { ports: [{ $patch: 'delete', port: number }] } };
        const left = keys(at(strategicMergePatch(target, patch, SERVICE), 'spec', 'ports'));
        expect(left).toEqual(keys(at(target, 'spec', 'ports')).filter((other) => other !== number));
      }),
    );
  });

  test('tolerations have no key: the patch replaces them', () => {
    const target = { spec: { tolerations: [{ key: 'a' }, { key: 'b' }] } };
    expect(strategicMergePatch(target, { spec: { tolerations: [{ key: 'c' }] } }, POD)).toEqual({
      spec: { tolerations: [{ key: 'c' }] },
    });
  });

  test('host aliases, pull secrets and mounts are told apart by ip, name and path', () => {
    const container = { name: 'c', volumeMounts: [{ mountPath: '/a', name: 'v' }] };
    const target = {
      spec: { containers: [container], hostAliases: [{ ip: '1.1.1.1' }], imagePullSecrets: [{ name: 's' }] },
    };
    const patch = {
      spec: {
        containers: [{ name: 'c', volumeMounts: [{ mountPath: '/a', name: 'w' }] }],
        hostAliases: [{ ip: '1.1.1.1', hostnames: ['x'] }],
        imagePullSecrets: [{ name: 't' }],
      },
    };
    expect(strategicMergePatch(target, patch, POD)).toEqual({
      spec: {
        containers: [{ name: 'c', volumeMounts: [{ mountPath: '/a', name: 'w' }] }],
        hostAliases: [{ ip: '1.1.1.1', hostnames: ['x'] }],
        imagePullSecrets: [{ name: 't' }, { name: 's' }],
      },
    });
  });

  test('a patch that names no key is an internal error, as in the real server', () => {
    const target = { spec: { ports: [{ port: 80 }] } };
    expect(() => strategicMergePatch(target, { spec: { ports: [{ name: 'x' }] } }, SERVICE)).toThrow(
      'map: map[name:x] does not contain declared merge key: port',
    );
  });
});
