// SPDX-License-Identifier: Apache-2.0
import type { Lease } from '../objects.ts';

/** What a Lease object says, in our units. */
export interface LeaseRecord {
  /** '' when free. */
  readonly holder: string;
  readonly durationMs: number;
  readonly transitions: number;
  /** As on the wire; only compared and passed on, never read as a time of ours: clocks of hosts differ. */
  readonly acquireTime: string;
  /** See {@link acquireTime}. */
  readonly renewTime: string;
}

/** client-go writes this duration when it gives a Lease back, so that older candidates do not wait either. */
export const RELEASED_DURATION_MS = 1_000;

/** Reads a Lease; what is missing reads as a free Lease. */
export function readLease(lease: Lease): LeaseRecord {
  const spec = lease.spec;
  return {
    holder: spec?.holderIdentity ?? '',
    durationMs: (spec?.leaseDurationSeconds ?? 0) * 1000,
    transitions: spec?.leaseTransitions ?? 0,
    acquireTime: spec?.acquireTime ?? '',
    renewTime: spec?.renewTime ?? '',
  };
}

/** Do both say the same? A Lease whose record stays the same has not been renewed. */
export function sameRecord(a: LeaseRecord, b: LeaseRecord): boolean {
  return (
    a.holder === b.holder &&
    a.durationMs === b.durationMs &&
    a.transitions === b.transitions &&
    a.acquireTime === b.acquireTime &&
    a.renewTime === b.renewTime
  );
}

/**
 * The Lease object to send: the record in it, everything else as in `base` (fields and annotations of others, and the
 * resourceVersion that makes the write a compare-and-swap).
 */
export function writeLease(
  base: Lease | undefined,
  where: { readonly namespace: string; readonly name: string },
  record: LeaseRecord,
  annotations?: Readonly<Record<string, string>>,
): Lease {
  const metadata = { ...base?.metadata, ...where };
  const merged = { ...metadata.annotations, ...annotations };
  return {
    ...base,
    metadata: { ...metadata, ...(Object.keys(merged).length > 0 && { annotations: merged }) },
    spec: {
      ...base?.spec,
      holderIdentity: record.holder,
      leaseDurationSeconds: Math.max(1, Math.ceil(record.durationMs / 1000)),
      leaseTransitions: record.transitions,
      acquireTime: record.acquireTime,
      renewTime: record.renewTime,
    },
  };
}

/** meta/v1 MicroTime: exactly six digits, or the API server refuses it. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z');
}
