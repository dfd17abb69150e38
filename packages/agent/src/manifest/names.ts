// SPDX-License-Identifier: Apache-2.0

/*
 * Names in manifests. Those of kube-vip, where it has one: whatever it generated is replaced in place, and its published
 * roles fit.
 */

/** Namespace of everything, unless `svc_namespace` says another. */
export const DEFAULT_NAMESPACE = 'kube-system';
/** Namespace of Leases where no service account says one. */
export const DEFAULT_LEASE_NAMESPACE = 'kube-system';
/** The container, the Pod and the ServiceAccount. */
export const PROGRAM_NAME = 'kube-vip';
/** The DaemonSet. */
export const DAEMON_SET_NAME = 'kube-vip-ds';
/** What every manifest of ours runs, unless `--image` says another. */
export const DEFAULT_IMAGE = 'fairlead/agent';
