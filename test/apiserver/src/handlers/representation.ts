// SPDX-License-Identifier: Apache-2.0
import type { ApiObject, JsonObject } from '../api/objects.ts';
import type { Shape } from '../http/negotiate.ts';
import { groupVersionOf, type ResourceDefinition } from '../resources/definition.ts';
import type { Entry } from '../store/entry.ts';
import { type IncludeObject, renderRow, tableColumns } from '../tables/table.ts';

/** How objects of one resource are written for one kind of answer. */
export interface Representation {
  /** Tells representations apart in caches. */
  readonly name: string;
  /** A complete object, as GET and watch events carry it. */
  single(entry: Entry): string;
  /** An item of a list. */
  item(entry: Entry): string;
  /** `kind` and `apiVersion` of the list, and what comes before the items, without braces. */
  readonly list: {
    readonly kind: string;
    readonly apiVersion: string;
    readonly itemsKey: string;
    readonly extra: string;
  };
  /** An object without content, for bookmarks. */
  empty(metadata: JsonObject): string;
}

/** The representation for a resource, the shape asked for, and the time that ages are counted to. */
export function representationOf(
  definition: ResourceDefinition,
  shape: Shape,
  includeObject: IncludeObject,
  now: () => Date,
): Representation {
  if (shape === 'table') return tableRepresentation(definition, includeObject, now);
  if (shape === 'metadata') return metadataRepresentation(definition);
  return objectRepresentation(definition);
}

/** An object in the version of a request. */
export function viewOf(definition: ResourceDefinition, object: ApiObject): ApiObject {
  return definition.view ? definition.view.fromStored(object) : object;
}

function objectRepresentation(definition: ResourceDefinition): Representation {
  const apiVersion = groupVersionOf(definition);
  const name = definition.view ? `object:${apiVersion}` : 'object';
  const head = `{"kind":${JSON.stringify(definition.kind)},"apiVersion":${JSON.stringify(apiVersion)},`;
  const item = (entry: Entry): string =>
    entry.text(name, ({ object }) =>
      JSON.stringify({ ...viewOf(definition, object), kind: undefined, apiVersion: undefined }),
    );
  return {
    name,
    item,
    single: (entry) => head + item(entry).slice(1),
    list: { kind: `${definition.kind}List`, apiVersion, itemsKey: 'items', extra: '' },
    empty: (metadata) => JSON.stringify({ kind: definition.kind, apiVersion, metadata }),
  };
}

const PARTIAL = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' } as const;

function metadataRepresentation(definition: ResourceDefinition): Representation {
  const single = (entry: Entry): string =>
    entry.text('metadata', ({ object }) => JSON.stringify({ ...PARTIAL, metadata: object.metadata }));
  return {
    name: `metadata:${definition.storage}`,
    single,
    item: single,
    list: {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      itemsKey: 'items',
      extra: '',
    },
    empty: (metadata) => JSON.stringify({ ...PARTIAL, metadata }),
  };
}

/** Rows hold ages, so they are never kept with the entry. */
function tableRepresentation(
  definition: ResourceDefinition,
  includeObject: IncludeObject,
  now: () => Date,
): Representation {
  const row = (entry: Entry): string =>
    renderRow(definition, viewOf(definition, entry.object), entry.object, includeObject, now());
  const columns = JSON.stringify(tableColumns(definition));
  const table = (metadata: JsonObject, rows: string): string =>
    `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":${JSON.stringify(metadata)},` +
    `"columnDefinitions":${columns},"rows":[${rows}]}`;
  return {
    name: `table:${definition.group}/${definition.plural}:${includeObject}`,
    item: row,
    single: (entry) => table({ resourceVersion: entry.object.metadata.resourceVersion ?? '' }, row(entry)),
    list: {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      itemsKey: 'rows',
      extra: `"columnDefinitions":${columns},`,
    },
    empty: (metadata) => table(metadata, ''),
  };
}
