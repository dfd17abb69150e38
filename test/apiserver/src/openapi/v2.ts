// SPDX-License-Identifier: Apache-2.0
import { arrayOf, isJsonObject, type Json, type JsonObject, objectOf, stringOf } from '../api/objects.ts';
import { WireWriter } from '../protobuf/wire.ts';
import { RESOURCES } from '../resources/catalog.ts';
import { collectDefinitions, type Gvk } from './definitions.ts';
import { objectPath, WRITE_PARAMETERS } from './paths.ts';

/*
 * The OpenAPI v2 document. kubectl before 1.27 asks for it in Protobuf only (the messages of gnostic's OpenAPIv2.proto);
 * the numbers below are theirs.
 */

let json: string | undefined;
let protobuf: Buffer | undefined;

/** The document as JSON text. */
export function openApiV2Json(): string {
  json ??= JSON.stringify({
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.36.3' },
    paths: Object.fromEntries(RESOURCES.map((definition) => [objectPath(definition), pathItem(definition)])),
    definitions: Object.fromEntries(definitions()),
  });
  return json;
}

/** The document in Protobuf. */
export function openApiV2Protobuf(): Buffer {
  protobuf ??= new WireWriter()
    .text(1, '2.0')
    .message(2, new WireWriter().text(1, 'Kubernetes').text(2, 'v1.36.3'))
    .message(8, writePaths())
    .message(9, writeNamedSchemas(definitions()))
    .finish();
  return protobuf;
}

function definitions(): ReadonlyMap<string, JsonObject> {
  return collectDefinitions(() => true, '#/definitions/').schemas;
}

function pathItem({ group, version, kind }: Gvk): JsonObject {
  return {
    patch: {
      'x-kubernetes-action': 'patch',
      'x-kubernetes-group-version-kind': { group, version, kind },
      parameters: WRITE_PARAMETERS.map((name) => ({ name, in: 'query', type: 'string', uniqueItems: true })),
      responses: { '200': { description: 'OK' } },
    },
  };
}

function writePaths(): WireWriter {
  const paths = new WireWriter();
  for (const definition of RESOURCES) {
    const { group, version, kind } = definition;
    const operation = new WireWriter();
    for (const name of WRITE_PARAMETERS) {
      const query = new WireWriter().text(2, 'query').text(4, name).text(6, 'string');
      const nonBody = new WireWriter().message(3, query);
      operation.message(8, new WireWriter().message(1, new WireWriter().message(2, nonBody)));
    }
    operation.message(9, new WireWriter());
    operation.message(13, writeExtension('x-kubernetes-group-version-kind', { group, version, kind }));
    const item = new WireWriter().message(8, operation);
    paths.message(2, new WireWriter().text(1, objectPath(definition)).message(2, item));
  }
  return paths;
}

/** A `NamedAny` whose value is YAML text; JSON is YAML. */
function writeExtension(name: string, value: Json): WireWriter {
  return new WireWriter().text(1, name).message(2, new WireWriter().text(2, JSON.stringify(value)));
}

function writeNamedSchemas(schemas: Iterable<readonly [string, Json | undefined]>): WireWriter {
  const message = new WireWriter();
  for (const [name, schema] of schemas) {
    message.message(1, new WireWriter().text(1, name).message(2, writeSchema(objectOf(schema))));
  }
  return message;
}

function writeSchema(schema: JsonObject): WireWriter {
  const message = new WireWriter().text(1, stringOf(schema.$ref)).text(2, stringOf(schema.format));
  const { additionalProperties, items, properties, type } = schema;
  if (isJsonObject(additionalProperties)) {
    message.message(21, new WireWriter().message(1, writeSchema(additionalProperties)));
  }
  if (typeof type === 'string') message.message(22, new WireWriter().text(1, type));
  if (isJsonObject(items)) message.message(23, new WireWriter().message(1, writeSchema(items)));
  if (isJsonObject(properties)) message.message(25, writeNamedSchemas(Object.entries(properties)));
  for (const [name, value] of Object.entries(schema)) {
    if (name.startsWith('x-') && value !== undefined) message.message(31, writeExtension(name, value));
  }
  return message;
}

/** Kinds the document tells about; for tests. */
export function documentedKinds(): readonly string[] {
  const all = [...definitions().values()];
  return all.flatMap((schema) =>
    arrayOf(schema['x-kubernetes-group-version-kind']).map((gvk) => stringOf(objectOf(gvk).kind)),
  );
}
