// SPDX-License-Identifier: Apache-2.0
import type { ApiObject, Json } from '../api/objects.ts';
import { ageOf } from './format.ts';

/** A column of a Table (metav1.TableColumnDefinition) and how its cell is made. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'boolean';
  readonly description: string;
  /** 0: always shown; 1: with `-o wide`. */
  readonly priority: 0 | 1;
  /** `now` is what ages are counted to. */
  cell(object: ApiObject, now: Date): Json;
}

/** The columns of one kind with its `group/Kind`. */
export type Table = readonly [string, readonly Column[]];

/** A text column that is always shown. */
export function text(name: string, description: string, cell: Column['cell']): Column {
  return { name, type: 'string', description, priority: 0, cell };
}

/** A number column that is always shown. */
export function integer(name: string, description: string, cell: Column['cell']): Column {
  return { name, type: 'integer', description, priority: 0, cell };
}

/** A text column of `-o wide`. */
export function wide(name: string, description: string, cell: Column['cell']): Column {
  return { name, type: 'string', description, priority: 1, cell };
}

/** Every table ends (or nearly ends) with it. */
export const AGE: Column = text('Age', 'Time since the object was created.', (object, now) =>
  ageOf(object.metadata.creationTimestamp, now),
);
