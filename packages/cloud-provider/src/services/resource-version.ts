// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';

/**
 * Whether the object is from before the version. Versions of one resource are numbers that grow (guaranteed since
 * Kubernetes 1.35, true of every API server on etcd before); anything else counts as not older.
 */
export function isOlder(object: KubeObject, version: string): boolean {
  return isBefore(object.metadata?.resourceVersion ?? '', version);
}

/** Whether an object at `version` can no longer be replaced by a write made for `base`: it is another, not older one. */
export function supersedes(version: string, base: string): boolean {
  return version !== base && !isBefore(version, base);
}

function isBefore(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}
