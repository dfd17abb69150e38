// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change } from '@fairlead/shared/kubernetes/reflector.ts';

/**
 * Whether an owner must see the change as soon as all others do, so that it keeps what the change leaves it: another Lease for an
 * address that it has, for instance. Not so for Services that are new, and for what agents write back themselves; these come in
 * great numbers. Pure.
 */
export function canMoveAddresses(change: Change<Service>): boolean {
  if (change.type === 'added') return false;
  return change.type === 'deleted' || !isDeepStrictEqual(asked(change.object), asked(change.previous));
}

/** What users and the cloud provider say, without what agents do. */
function asked({ spec, metadata }: Service): unknown {
  const { annotations = {}, labels = {}, deletionTimestamp } = metadata ?? {};
  const { [ANNOTATION.vipHost]: _written, [ANNOTATION.dhcpLease]: _lease, ...others } = annotations;
  return [spec, labels, others, deletionTimestamp];
}
