// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ApiObject, arrayOf, at, type JsonObject, objectOf } from '../api/objects.ts';
import { StatusError } from '../api/status.ts';
import { serverSideApply } from './apply.ts';
import { fromFieldsV1, intersection, isEmpty } from './field-set.ts';
import { trackUpdate } from './track.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const LATER = new Date('2026-01-02T00:00:00Z');

const port = fc.record({
  port: fc.integer({ min: 1, max: 5 }),
  protocol: fc.constantFrom('TCP', 'UDP'),
  name: fc.constantFrom('a', 'b', 'c'),
});
const config = fc
  .record({
    labels: fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.constantFrom('1', '2'), { minKeys: 1 }),
    ports: fc.uniqueArray(port, {
      selector: (item) => `${item.port}/${item.protocol}`,
      minLength: 1,
      maxLength: 4,
    }),
    type: fc.constantFrom('ClusterIP', 'NodePort'),
  })
  .map(
    (parts): JsonObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', labels: parts.labels },
      spec: { type: parts.type, ports: parts.ports },
    }),
  );

function apply(
  live: ApiObject | undefined,
  body: JsonObject,
  manager: string,
  force = false,
  now = NOW,
): ApiObject {
  return serverSideApply('/Service', live, body, { manager, subresource: '', now }, force);
}

function withoutManagers(object: ApiObject): JsonObject {
  const { managedFields: _managed, ...metadata } = object.metadata;
  return { ...object, metadata };
}

describe('serverSideApply', () => {
  test('applying again changes nothing, not even a time', () => {
    fc.assert(
      fc.property(config, (body) => {
        const once = apply(undefined, body, 'one');
        expect(apply(once, body, 'one', false, LATER)).toBe(once);
      }),
    );
  });

  test('what one manager applied last is all there is of it', () => {
    fc.assert(
      fc.property(config, config, (first, second) => {
        const twice = apply(apply(undefined, first, 'one'), second, 'one');
        const fresh = apply(undefined, second, 'one');
        expect(at(withoutManagers(twice), 'metadata', 'labels')).toEqual(at(fresh, 'metadata', 'labels'));
        expect(new Set(arrayOf(at(twice, 'spec', 'ports')))).toEqual(
          new Set(arrayOf(at(fresh, 'spec', 'ports'))),
        );
        expect(twice.metadata.managedFields?.[0]?.fieldsV1).toEqual(
          fresh.metadata.managedFields?.[0]?.fieldsV1,
        );
      }),
    );
  });

  test('another manager is refused exactly when it would change a value, and wins by force', () => {
    fc.assert(
      fc.property(config, config, (first, second) => {
        const live = apply(undefined, first, 'one');
        const forced = apply(live, second, 'two', true);
        for (const [key, value] of Object.entries(objectOf(at(second, 'metadata', 'labels')))) {
          expect(at(forced, 'metadata', 'labels', key)).toBe(value);
        }
        const owners = (forced.metadata.managedFields ?? []).map((entry) => fromFieldsV1(entry.fieldsV1));
        let conflict: unknown;
        try {
          expect(apply(live, second, 'two')).toEqual(forced);
        } catch (error) {
          conflict = error;
        }
        if (conflict === undefined) return;
        expect(conflict).toBeInstanceOf(StatusError);
        expect(conflict).toMatchObject({ code: 409, reason: 'Conflict' });
        // After a forced conflict nobody shares a value that the two disagree on.
        const [one, two] = owners;
        if (one === undefined || two === undefined) return;
        expect(isEmpty(intersection(one, two)) || forced !== live).toBe(true);
      }),
    );
  });

  test('an update takes fields over from an applier, who then meets a conflict', () => {
    const body = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', labels: { x: '1' } } };
    const live = apply(undefined, body, 'one');
    const changed: ApiObject = { ...live, metadata: { ...live.metadata, labels: { x: '2' } } };
    const updated = trackUpdate('/Service', live, changed, { manager: 'two', subresource: '', now: LATER });
    expect(updated.metadata.managedFields?.map((entry) => entry.manager)).toEqual(['two']);
    expect(() => apply(updated, body, 'one')).toThrow(
      'Apply failed with 1 conflict: conflict with "two" using v1: .metadata.labels.x',
    );
  });
});
