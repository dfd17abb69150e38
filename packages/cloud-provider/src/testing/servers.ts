// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, vi } from 'vitest';
import { REAL_ASSETS, TestCluster } from './test-cluster.ts';

const assets = REAL_ASSETS === undefined ? [] : [REAL_ASSETS];

/** The API servers on which a test is to be run, for `describe.each`: the embedded one, and a real one where there is one. */
export const SERVERS: readonly (readonly [string, () => Promise<TestCluster>])[] = [
  ['the embedded API server', () => TestCluster.embedded()],
  ...assets.map((folder) => ['a real kube-apiserver', () => TestCluster.real(folder)] as const),
];

/** Longest start of an API server on a busy machine. */
const START_LIMIT_MS = 90_000;

/** Starts a cluster before the tests of a `describe` block, hands it over, and closes it after them. */
export function useCluster(start: () => Promise<TestCluster>, take: (cluster: TestCluster) => void): void {
  let cluster: TestCluster | undefined;
  beforeAll(async () => {
    cluster = await start();
    take(cluster);
  }, START_LIMIT_MS);
  afterAll(() => cluster?.close());
}

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
