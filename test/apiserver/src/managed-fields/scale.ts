// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, type JsonObject, objectOf, withMeta } from '../api/objects.ts';

/** True when a manager owns `spec.replicas`. */
export function ownsReplicas(object: ApiObject): boolean {
  return (object.metadata.managedFields ?? []).some(
    (entry) => objectOf(objectOf(entry.fieldsV1)['f:spec'])['f:replicas'] !== undefined,
  );
}

/**
 * After a PUT through `scale` nobody owns `spec.replicas`: a Scale carries no managed fields, and the real API server
 * takes that for what its writer wants.
 */
export function disownReplicas(object: ApiObject): ApiObject {
  const managers = object.metadata.managedFields;
  if (managers === undefined) return object;
  const kept = managers
    .map(withoutReplicas)
    .filter((entry) => Object.keys(objectOf(entry.fieldsV1)).length > 0);
  return withMeta(object, { managedFields: kept.length === 0 ? undefined : kept });
}

function withoutReplicas(entry: JsonObject): JsonObject {
  const { 'f:spec': spec, ...others } = objectOf(entry.fieldsV1);
  const { 'f:replicas': _replicas, ...rest } = objectOf(spec);
  const isEmpty = Object.keys(rest).length === 0;
  return { ...entry, fieldsV1: isEmpty ? others : { ...others, 'f:spec': rest } };
}
