// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';

/**
 * Whether the object is from before the version. Versions of one resource are numbers that grow (guaranteed since
 * Kubernetes 1.35, true of every API server on etcd before); anything else counts as not older.
 */
export function isOlder(object: KubeObject, version: string): boolean {
  const own = object.metadata?.resourceVersion ?? '';
  if (!/^\d+$/.test(own) || !/^\d+$/.test(version)) return false;
  return own.length === version.length ? own < version : own.length < version.length;
}
