// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, type Json, numberOf, objectOf } from '../api/objects.ts';

/** Stored (core/v1) Event to events.k8s.io/v1: same data, renamed fields (the conversion of the real API server). */
export function coreToEvents(object: ApiObject): ApiObject {
  const {
    involvedObject,
    message,
    source,
    firstTimestamp,
    lastTimestamp,
    count,
    reportingComponent,
    ...rest
  } = object;
  const { reportingInstance, series, ...others } = rest;
  return clean({
    ...others,
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: object.metadata,
    regarding: involvedObject,
    note: message,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
    reportingController: reportingComponent || undefined,
    reportingInstance: reportingInstance || undefined,
    series,
  });
}

/** events.k8s.io/v1 Event to the stored (core/v1) form. */
export function eventsToCore(object: ApiObject): ApiObject {
  const {
    regarding,
    note,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    reportingController,
    ...others
  } = object;
  return clean({
    ...others,
    apiVersion: 'v1',
    kind: 'Event',
    metadata: object.metadata,
    involvedObject: regarding ?? {},
    message: note,
    source: objectOf(deprecatedSource),
    firstTimestamp: deprecatedFirstTimestamp ?? null,
    lastTimestamp: deprecatedLastTimestamp ?? null,
    count: numberOf(deprecatedCount) || undefined,
    reportingComponent: reportingController ?? '',
    reportingInstance: object.reportingInstance ?? '',
  });
}

function clean(object: ApiObject): ApiObject {
  const entries = Object.entries(object).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return { ...Object.fromEntries(entries), metadata: object.metadata };
}
