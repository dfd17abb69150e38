// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';

/** What Events about a node are about. */
export type NodeReference = KubeObject & { readonly kind: string; readonly apiVersion: string };

/** As the kubelet refers to its node: Events about it have the name for a uid. Pure. */
export function nodeReference(node: string): NodeReference {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: node, uid: node } };
}
