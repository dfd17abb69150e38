// SPDX-License-Identifier: Apache-2.0
import { VERSION } from '../version.ts';

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

/**
 * The image to write: `--image` may leave out the tag, then it is this version's.
 *
 * @returns undefined when the text is no name of an image.
 */
export function imageOf(text: string = DEFAULT_IMAGE): string | undefined {
  const match = /^((?:[\w.-]+(?::\d+)?\/)?[a-z0-9._/-]+?)(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, repository = '', tag, digest] = match;
  return tag === undefined && digest === undefined ? `${repository}:${VERSION}` : text;
}
