// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** Where a Pod finds the namespace of its service account. */
const TOKEN_NAMESPACE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Namespace of the service account whose token is mounted; undefined: not in a Pod. */
export function tokenNamespace(): string | undefined {
  try {
    return readFileSync(TOKEN_NAMESPACE, 'utf8').trim() || undefined;
  } catch {
    // Not in a Pod.
    return undefined;
  }
}
