// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arrayOf, at, isJsonObject, type Json, objectOf, stringOf } from '../api/objects.ts';
import { TYPES } from '../schema/kinds.ts';
import type { Field, SchemaType } from '../schema/types.ts';
import { type RealControlPlane, startRealControlPlane } from './real-control-plane.ts';

/*
 * The type tables against what a real API server says of itself (OpenAPI v3): the same fields of the same types, the
 * same keys for server-side apply and for strategic merge patches.
 */

const assets = process.env.KUBEBUILDER_ASSETS ?? '';
const START_TIMEOUT_MS = 90_000;

const GROUPS: Readonly<Record<string, string>> = {
  'api/v1': 'io.k8s.api.core.v1.',
  'apis/apps/v1': 'io.k8s.api.apps.v1.',
  'apis/batch/v1': 'io.k8s.api.batch.v1.',
  'apis/discovery.k8s.io/v1': 'io.k8s.api.discovery.v1.',
  'apis/coordination.k8s.io/v1': 'io.k8s.api.coordination.v1.',
  'apis/rbac.authorization.k8s.io/v1': 'io.k8s.api.rbac.v1.',
};
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** What one field is, in one line. */
function describeField(field: Field): string {
  const list = field.type.type === 'list' ? field.type : undefined;
  return [
    typeName(field.type),
    list?.topology === 'map' ? `keys ${list.keys.join(',')}` : '',
    list?.topology === 'set' ? 'set' : '',
    field.merge === undefined ? '' : `merge ${field.merge.key ?? ''}`,
    field.retainKeys ? 'retainKeys' : '',
  ].join(' ');
}

function typeName(type: SchemaType): string {
  switch (type.type) {
    case 'struct':
      return type.name.replace(/^Discovery|^Events/, '');
    case 'list':
      return `[${typeName(type.items)}]`;
    case 'map':
      return `{${typeName(type.values)}}`;
    case 'scalar':
      return type.scalar;
  }
}

/** The same line for a property of an OpenAPI schema. */
function describeProperty(property: Json): string {
  const strategies = stringOf(at(property, 'x-kubernetes-patch-strategy')).split(',');
  const listType = at(property, 'x-kubernetes-list-type');
  return [
    propertyType(property),
    listType === 'map' ? `keys ${arrayOf(at(property, 'x-kubernetes-list-map-keys')).join(',')}` : '',
    listType === 'set' ? 'set' : '',
    strategies.includes('merge') ? `merge ${stringOf(at(property, 'x-kubernetes-patch-merge-key'))}` : '',
    strategies.includes('retainKeys') ? 'retainKeys' : '',
  ].join(' ');
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  Time: 'time',
  MicroTime: 'microtime',
  IntOrString: 'intstr',
  Quantity: 'quantity',
  FieldsV1: 'any',
};

function propertyType(property: Json): string {
  const reference = stringOf(at(property, '$ref') ?? at(arrayOf(at(property, 'allOf'))[0], '$ref'));
  if (reference !== '') {
    const name = reference.slice(reference.lastIndexOf('.') + 1);
    return WELL_KNOWN[name] ?? name;
  }
  const format = at(property, 'format');
  switch (at(property, 'type')) {
    case 'array':
      return `[${propertyType(at(property, 'items') ?? null)}]`;
    case 'object':
      return `{${propertyType(at(property, 'additionalProperties') ?? null)}}`;
    case 'integer':
      return format === 'int32' ? 'int32' : 'int64';
    case 'boolean':
      return 'bool';
    case 'number':
      return 'double';
    case 'string':
      return format === 'byte' ? 'bytes' : 'string';
    default:
      return 'any';
  }
}

describe.skipIf(assets === '')('type tables (skipped unless KUBEBUILDER_ASSETS is set)', () => {
  let real: RealControlPlane | undefined;
  beforeAll(async () => {
    real = await startRealControlPlane(assets);
  }, START_TIMEOUT_MS);
  afterAll(() => real?.stop());

  for (const [path, prefix] of Object.entries(GROUPS)) {
    test(path, async () => {
      const answer = await real?.caller.call('GET', `/openapi/v3/${path}`, 'application/json', undefined);
      const schemas = objectOf(at(answer?.body, 'components', 'schemas'));
      let compared = 0;
      for (const [name, schema] of Object.entries(schemas)) {
        const short = name.slice(name.lastIndexOf('.') + 1);
        const ours = TYPES.get(
          prefix.includes('discovery') && short === 'EndpointPort' ? 'DiscoveryEndpointPort' : short,
        );
        if (
          !(name.startsWith(prefix) || name.startsWith(META)) ||
          ours === undefined ||
          !isJsonObject(schema)
        )
          continue;
        const theirs = Object.entries(objectOf(schema.properties));
        const expected = theirs.map(([key, property]) => [key, describeProperty(property ?? null)]);
        const actual = [...ours.fields.values()].map((field) => [field.name, describeField(field)]);
        expect(Object.fromEntries(actual), name).toEqual(Object.fromEntries(expected));
        compared += 1;
      }
      expect(compared).toBeGreaterThan(2);
    });
  }
});
