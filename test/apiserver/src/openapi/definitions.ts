// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../api/objects.ts';
import { RESOURCES } from '../resources/catalog.ts';
import { kindKey } from '../resources/definition.ts';
import { schemaOf } from '../schema/kinds.ts';
import type { Field, Scalar, SchemaType, StructType } from '../schema/types.ts';

/** Group, version and kind, as the extension `x-kubernetes-group-version-kind` names them. */
export type Gvk = { readonly group: string; readonly version: string; readonly kind: string };

/** OpenAPI schemas by name, and the kinds that the top-level ones are. */
export interface Definitions {
  readonly schemas: ReadonlyMap<string, JsonObject>;
}

const SCALARS: Readonly<Record<Scalar, JsonObject>> = {
  string: { type: 'string' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  bool: { type: 'boolean' },
  double: { type: 'number', format: 'double' },
  intstr: { type: 'string', format: 'int-or-string' },
  quantity: { type: 'string', format: 'quantity' },
  time: { type: 'string', format: 'date-time' },
  microtime: { type: 'string', format: 'date-time' },
  bytes: { type: 'string', format: 'byte' },
  any: { type: 'object' },
};

/** The name of a type among the schemas. */
export function schemaName(type: StructType): string {
  return `io.k8s.api.v1.${type.name}`;
}

/** Schemas of the given kinds and everything they consist of. `refPrefix` is where references point. */
export function collectDefinitions(
  selected: (gvk: Gvk) => boolean,
  refPrefix: '#/definitions/' | '#/components/schemas/',
): Definitions {
  const schemas = new Map<string, JsonObject>();
  const visit = (type: SchemaType): void => {
    if (type.type === 'list') visit(type.items);
    else if (type.type === 'map') visit(type.values);
    else if (type.type === 'struct') addStruct(type, undefined);
  };
  const addStruct = (type: StructType, gvk: Gvk | undefined): void => {
    const name = schemaName(type);
    if (schemas.has(name)) return;
    schemas.set(name, {});
    schemas.set(name, {
      ...structSchema(type, refPrefix),
      ...(gvk ? { 'x-kubernetes-group-version-kind': [gvk] } : {}),
    });
    for (const field of type.fields.values()) visit(field.type);
  };
  for (const definition of RESOURCES) {
    const { group, version, kind } = definition;
    const type = schemaOf(kindKey(definition));
    if (type !== undefined && selected({ group, version, kind })) addStruct(type, { group, version, kind });
  }
  return { schemas };
}

function structSchema(type: StructType, refPrefix: string): JsonObject {
  if (type.fields.size === 0) return { type: 'object' };
  const properties = [...type.fields.values()].map((field): [string, JsonObject] => [
    field.name,
    fieldSchema(field, refPrefix),
  ]);
  return { type: 'object', properties: Object.fromEntries(properties) };
}

function fieldSchema(field: Field, refPrefix: string): JsonObject {
  const strategies = [...(field.merge ? ['merge'] : []), ...(field.retainKeys ? ['retainKeys'] : [])];
  return {
    ...typeSchema(field.type, refPrefix),
    ...(strategies.length > 0 ? { 'x-kubernetes-patch-strategy': strategies.join(',') } : {}),
    ...(field.merge?.key === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.merge.key }),
  };
}

function typeSchema(type: SchemaType, refPrefix: string): JsonObject {
  switch (type.type) {
    case 'scalar':
      return SCALARS[type.scalar];
    case 'list':
      return {
        type: 'array',
        items: typeSchema(type.items, refPrefix),
        'x-kubernetes-list-type': type.topology,
        ...(type.keys.length > 0 ? { 'x-kubernetes-list-map-keys': type.keys } : {}),
      };
    case 'map':
      return { type: 'object', additionalProperties: typeSchema(type.values, refPrefix) };
    case 'struct':
      return { $ref: `${refPrefix}${schemaName(type)}` };
  }
}
