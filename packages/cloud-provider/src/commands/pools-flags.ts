// SPDX-License-Identifier: Apache-2.0

/** How the pools are shown. */
export type PoolsOutput = 'table' | 'json';

/** Flags of `cloud-provider pools`. */
export interface PoolsFlags {
  readonly output: PoolsOutput;
  readonly services?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
  /** `name` or `namespace/name`. */
  readonly configMap?: string;
}
