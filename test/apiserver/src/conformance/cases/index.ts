// SPDX-License-Identifier: Apache-2.0
import type { ConformanceCase } from '../case.ts';
import { APPLY_CASES } from './apply.ts';
import { DELETION_CASES } from './deletion.ts';
import { METADATA_CASES } from './metadata.ts';
import { OTHER_CASES } from './others.ts';
import { PATCH_CASES } from './patch.ts';
import { READING_CASES } from './reading.ts';
import { SERVICE_CREATE_CASES } from './service-create.ts';
import { SERVICE_STATUS_CASES } from './service-status.ts';
import { SERVICE_UPDATE_CASES } from './service-update.ts';
import { SUBRESOURCE_CASES } from './subresources.ts';
import { TABLE_CASES } from './tables.ts';
import { WORKLOAD_CASES } from './workloads.ts';
import { WRITE_CASES } from './writes.ts';

/** Every case, by the file its recorded answers are in. */
export const GROUPS: Readonly<Record<string, readonly ConformanceCase[]>> = {
  'service-create': SERVICE_CREATE_CASES,
  'service-update': SERVICE_UPDATE_CASES,
  'service-status': SERVICE_STATUS_CASES,
  patch: PATCH_CASES,
  apply: APPLY_CASES,
  metadata: METADATA_CASES,
  workloads: WORKLOAD_CASES,
  others: OTHER_CASES,
  writes: WRITE_CASES,
  deletion: DELETION_CASES,
  reading: READING_CASES,
  subresources: SUBRESOURCE_CASES,
  tables: TABLE_CASES,
};
