// SPDX-License-Identifier: Apache-2.0
import type { ApiObject } from '../api/objects.ts';
import { trackUpdate, type Writer } from '../managed-fields/track.ts';
import { kindKey, type ResourceDefinition } from './definition.ts';

/** Brings `managedFields` up to date with the fields named as in the version of the request. */
export function trackIn(
  definition: ResourceDefinition,
  live: ApiObject | undefined,
  next: ApiObject,
  writer: Writer,
): ApiObject {
  const { view } = definition;
  if (view === undefined) return trackUpdate(kindKey(definition), live, next, writer);
  const before = live === undefined ? undefined : view.fromStored(live);
  return view.toStored(trackUpdate(kindKey(definition), before, view.fromStored(next), writer));
}
