// SPDX-License-Identifier: Apache-2.0
import { vi } from 'vitest';
import { REAL_ASSETS, TestCluster } from './test-cluster.ts';

const assets = REAL_ASSETS === undefined ? [] : [REAL_ASSETS];

/** The API servers on which a test is to be run, for `describe.each`: the embedded one, and a real one where there is one. */
export const SERVERS: readonly (readonly [string, () => Promise<TestCluster>])[] = [
  ['the embedded API server', () => TestCluster.embedded()],
  ...assets.map((folder) => ['a real kube-apiserver', () => TestCluster.real(folder)] as const),
];

/** Says in the output that `what` was not tried on a real kube-apiserver, if so. */
export function tellWhatIsSkipped(what: string): void {
  if (REAL_ASSETS === undefined) {
    console.warn(`SKIPPED: ${what} on a real kube-apiserver (KUBEBUILDER_ASSETS names none)`);
  }
}

/** Waits until `condition` holds. */
export function until(condition: () => Promise<void>, timeoutMs = 10_000): Promise<void> {
  return vi.waitFor(condition, { timeout: timeoutMs, interval: 10 });
}
