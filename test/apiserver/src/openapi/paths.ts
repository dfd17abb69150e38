// SPDX-License-Identifier: Apache-2.0
import { RESOURCES } from '../resources/catalog.ts';
import { groupVersionOf, type ResourceDefinition } from '../resources/definition.ts';

/** Query parameters that clients look for before they rely on them. */
export const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation', 'force', 'pretty'] as const;

/** `api/v1` or `apis/apps/v1`: the path of a group version, without leading slash. */
export function groupVersionPath(definition: Pick<ResourceDefinition, 'group' | 'version'>): string {
  const name = groupVersionOf(definition);
  return definition.group === '' ? `api/${name}` : `apis/${name}`;
}

/** Every group version path that is served. */
export const GROUP_VERSION_PATHS: readonly string[] = [...new Set(RESOURCES.map(groupVersionPath))];

/** The path of a single object of a resource, with placeholders. */
export function objectPath(definition: ResourceDefinition): string {
  return `${collectionPath(definition)}/{name}`;
}

/** The path of a collection, with a placeholder for the namespace. */
export function collectionPath(definition: ResourceDefinition): string {
  const namespace = definition.namespaced ? '/namespaces/{namespace}' : '';
  return `/${groupVersionPath(definition)}${namespace}/${definition.plural}`;
}
