// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../api/objects.ts';
import { decode } from './decode.ts';
import { schemaOf, TYPES } from './kinds.ts';
import type { SchemaType, StructType } from './types.ts';

/** Any value of a type, down to a depth. */
function anyValue(type: SchemaType, depth: number): fc.Arbitrary<Json> {
  switch (type.type) {
    case 'struct':
      return structOf(type, depth);
    case 'list':
      return fc.array(anyValue(type.items, depth - 1), { maxLength: depth > 0 ? 2 : 0 });
    case 'map':
      return fc
        .dictionary(fc.constantFrom('a', 'b'), anyValue(type.values, depth - 1))
        .map((entries): Json => ({ ...entries }));
    case 'scalar':
      if (type.scalar === 'bool') return fc.boolean();
      if (type.scalar === 'time' || type.scalar === 'microtime') return fc.constant('2026-01-01T00:00:00Z');
      if (type.scalar === 'bytes') return fc.constantFrom('', 'eA==');
      if (type.scalar === 'quantity') return fc.constantFrom('0', '1Gi');
      if (type.scalar === 'any') return fc.constant({ x: 1 });
      return ['int32', 'int64', 'double', 'intstr'].includes(type.scalar)
        ? fc.constantFrom(0, 1)
        : fc.constantFrom('', 'x');
  }
}

function structOf(type: StructType, depth: number): fc.Arbitrary<JsonObject> {
  if (depth <= 0) return fc.constant({});
  const fields = [...type.fields.values()];
  return fc
    .subarray(fields, { maxLength: Math.min(4, fields.length) })
    .chain((chosen) =>
      fc
        .tuple(...chosen.map((field) => anyValue(field.type, depth - 1)))
        .map(
          (values): JsonObject =>
            Object.fromEntries(chosen.map((field, index) => [field.name, values[index] ?? null])),
        ),
    );
}

const kinds = ['/Service', '/Pod', '/Node', 'apps/Deployment', 'discovery.k8s.io/EndpointSlice', '/Event'];

describe('decode', () => {
  test.each(kinds)('%s: what was decoded decodes to itself', (kind) => {
    const schema = schemaOf(kind);
    if (schema === undefined) throw new Error(`no schema for ${kind}`);
    fc.assert(
      fc.property(structOf(schema, 5), (value) => {
        const { object, unknownFields } = decode(schema, value);
        expect(unknownFields).toEqual([]);
        expect(decode(schema, object).object).toEqual(object);
      }),
      { numRuns: 60 },
    );
  });

  test('tells unknown fields with their places and drops them', () => {
    const schema = schemaOf('/Service') as StructType;
    const { object, unknownFields } = decode(schema, {
      metadata: { name: 'x', a: 1 },
      spec: { ports: [{ port: 1, b: 2 }] },
      c: 3,
    });
    expect(unknownFields).toEqual(['metadata.a', 'spec.ports[0].b', 'c']);
    expect(object).toEqual({
      metadata: { name: 'x' },
      spec: { ports: [{ port: 1, targetPort: 0 }] },
      status: { loadBalancer: {} },
    });
  });

  test('keeps zero values where they mean something, and only there', () => {
    const schema = schemaOf('apps/Deployment') as StructType;
    const { object } = decode(schema, {
      spec: { replicas: 0, minReadySeconds: 0, paused: false, revisionHistoryLimit: 0 },
    });
    expect(object.spec).toMatchObject({ replicas: 0, revisionHistoryLimit: 0 });
    expect(object.spec).not.toHaveProperty('minReadySeconds');
    expect(object.spec).not.toHaveProperty('paused');
  });

  test.each([
    [
      { spec: { ports: [{ port: '80' }] } },
      'json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
    ],
    [{ spec: [] }, 'json: cannot unmarshal array into Go struct field Service.spec of type v1.ServiceSpec'],
    [
      { metadata: { labels: { a: 1 } } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
  ])('%j is refused in the words of the real server', (value, message) => {
    expect(() => decode(schemaOf('/Service') as StructType, value)).toThrow(message);
  });

  test('every list that is told apart by keys has those keys', () => {
    for (const type of TYPES.values()) {
      for (const field of type.fields.values()) {
        if (field.type.type !== 'list' || field.type.items.type !== 'struct') continue;
        const { items, keys } = field.type;
        const merge = field.merge?.key;
        for (const key of [...keys, ...(merge === undefined ? [] : [merge])]) {
          expect(items.fields.has(key), `${type.name}.${field.name}: ${key}`).toBe(true);
        }
      }
    }
  });
});
