// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { JsonObject } from '../api/objects.ts';
import { RESOURCES } from '../resources/catalog.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { collectDefinitions } from './definitions.ts';
import {
  collectionPath,
  GROUP_VERSION_PATHS,
  groupVersionPath,
  objectPath,
  WRITE_PARAMETERS,
} from './paths.ts';

const documents = new Map<string, string>();

/** `GET /openapi/v3`: where the document of each group version is. */
export function openApiV3Index(): JsonObject {
  const entries = GROUP_VERSION_PATHS.map((path): [string, JsonObject] => {
    const hash = createHash('sha256')
      .update(openApiV3Document(path) ?? '')
      .digest('hex')
      .toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
  });
  return { paths: Object.fromEntries(entries) };
}

/** `GET /openapi/v3/apis/apps/v1` as JSON text; `undefined` for a group version that is not served. */
export function openApiV3Document(path: string): string | undefined {
  if (!GROUP_VERSION_PATHS.includes(path)) return undefined;
  const known = documents.get(path);
  if (known !== undefined) return known;
  const text = JSON.stringify(makeDocument(path));
  documents.set(path, text);
  return text;
}

function makeDocument(path: string): JsonObject {
  const own = RESOURCES.filter((definition) => groupVersionPath(definition) === path);
  const { schemas } = collectDefinitions(
    ({ group, version }) => groupVersionPath({ group, version }) === path,
    '#/components/schemas/',
  );
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths: Object.fromEntries(own.flatMap(pathsOf)),
    components: { schemas: Object.fromEntries(schemas) },
  };
}

function pathsOf(definition: ResourceDefinition): [string, JsonObject][] {
  const { group, version, kind } = definition;
  const gvk = { group, version, kind };
  const responses = { '200': { description: 'OK' } };
  const operation = (action: string, parameters: readonly string[]): JsonObject => ({
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
    parameters: parameters.map((name) => ({
      name,
      in: 'query',
      schema: { type: name === 'force' ? 'boolean' : 'string', uniqueItems: true },
    })),
    responses,
  });
  return [
    [
      collectionPath(definition),
      { get: operation('list', ['pretty']), post: operation('post', WRITE_PARAMETERS) },
    ],
    [
      objectPath(definition),
      {
        get: operation('get', ['pretty']),
        put: operation('put', WRITE_PARAMETERS),
        patch: operation('patch', WRITE_PARAMETERS),
        delete: operation('delete', ['dryRun', 'pretty']),
      },
    ],
  ];
}
