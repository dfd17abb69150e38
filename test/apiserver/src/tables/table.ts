// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, at, type JsonObject, stringOf } from '../api/objects.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { AGE, type Column } from './column.ts';
import { TABLES } from './columns.ts';

/** How much of the object a row carries. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

const NAME: Column = {
  name: 'Name',
  type: 'string',
  description: 'Name must be unique within a namespace.',
  priority: 0,
  cell: (object) => object.metadata.name ?? '',
};

function columnsOf(definition: ResourceDefinition): readonly Column[] {
  return TABLES.get(`${definition.group}/${definition.kind}`) ?? [AGE];
}

function allColumns(definition: ResourceDefinition): readonly Column[] {
  const columns = columnsOf(definition);
  // Events begin with the time they were last seen, and show their name only in wide output.
  return definition.kind === 'Event' ? columns : [NAME, ...columns];
}

/** `columnDefinitions` of a Table for a resource. */
export function tableColumns(definition: ResourceDefinition): JsonObject[] {
  return allColumns(definition).map(({ name, type, description, priority }) => ({
    name,
    type,
    format: name === 'Name' ? 'name' : '',
    description,
    priority,
  }));
}

/** One row as JSON text. `stored` is the form the columns read, `view` what goes into the row. */
export function renderRow(
  definition: ResourceDefinition,
  view: ApiObject,
  stored: ApiObject,
  includeObject: IncludeObject,
  now: Date,
): string {
  const cells = allColumns(definition).map((column) => column.cell(stored, now));
  const conditions = definition.group === '' && definition.kind === 'Pod' ? endCondition(stored) : undefined;
  return JSON.stringify({ cells, conditions, object: rowObject(view, stored, includeObject) });
}

function rowObject(view: ApiObject, stored: ApiObject, includeObject: IncludeObject): JsonObject | null {
  if (includeObject === 'None') return null;
  if (includeObject === 'Object') return view;
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: stored.metadata };
}

const END_MESSAGES: Readonly<Record<string, string>> = {
  Succeeded: 'The pod has completed successfully.',
  Failed: 'The pod failed.',
};

/** Rows of pods that have ended say so: `kubectl get` hides them on request. */
function endCondition(pod: ApiObject): JsonObject[] | undefined {
  const phase = stringOf(at(pod, 'status', 'phase'));
  const message = END_MESSAGES[phase];
  return message === undefined ? undefined : [{ type: 'Completed', status: 'True', reason: phase, message }];
}
