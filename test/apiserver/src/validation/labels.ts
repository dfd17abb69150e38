// SPDX-License-Identifier: Apache-2.0
import type { Cause } from '../api/status.ts';
import { invalidFor, tooLong } from './field.ts';
import { labelValue, qualifiedName } from './names.ts';

/** Bytes that all annotations of an object may take, keys and values together. */
export const MAX_ANNOTATION_BYTES = 262_144;

/** Keys and values of labels (also of selectors). */
export function validateLabels(field: string, labels: Readonly<Record<string, string>>): Cause[] {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, value]) => [
      ...invalidFor(field, key, qualifiedName(key)),
      ...invalidFor(`${field}`, value, labelValue(value)),
    ]);
}

/** Keys of annotations and their size altogether. */
export function validateAnnotations(field: string, annotations: Readonly<Record<string, string>>): Cause[] {
  const causes: Cause[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    causes.push(...invalidFor(field, key, qualifiedName(key.toLowerCase())));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MAX_ANNOTATION_BYTES) causes.push(tooLong(field, MAX_ANNOTATION_BYTES));
  return causes;
}
