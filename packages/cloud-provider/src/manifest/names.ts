// SPDX-License-Identifier: Apache-2.0

/*
 * Names of kube-vip-cloud-provider's own manifest, so that ours replaces it in place.
 */

/** The ServiceAccount, and the Roles. */
export const ACCOUNT = 'kube-vip-cloud-controller';
/** The Deployment, its container, and the label `component`. */
export const WORKLOAD = 'kube-vip-cloud-provider';
/** Where the program runs. */
export const NAMESPACE = 'kube-system';
