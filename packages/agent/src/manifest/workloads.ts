// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { VERSION } from '../version.ts';
import { DAEMON_SET_NAME, PROGRAM_NAME } from './names.ts';
import { EVERYWHERE, type PodRequest, podSpecOf } from './pod-spec.ts';

/** A Pod for a kubelet's folder of manifests. Pure. */
export function podManifest(request: PodRequest, namespace: string): KubeObject & { readonly spec: object } {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: PROGRAM_NAME, namespace, labels: { 'app.kubernetes.io/name': PROGRAM_NAME } },
    spec: podSpecOf(request),
  };
}

/** Nodes of a control plane, by today's label or the one before Kubernetes 1.24. */
const CONTROL_PLANE_ONLY = {
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: ['master', 'control-plane'].map((role) => ({
          matchExpressions: [{ key: `node-role.kubernetes.io/${role}`, operator: 'Exists' }],
        })),
      },
    },
  },
  tolerations: ['NoSchedule', 'NoExecute'].map((effect) => ({ effect, operator: 'Exists' })),
};

/**
 * A DaemonSet, which replaces the peer's of the same name. Pure.
 *
 * @param taint only on nodes of the control plane, whatever their taints
 */
export function daemonSetManifest(
  request: PodRequest,
  namespace: string,
  taint: boolean,
): KubeObject & { readonly spec: object } {
  const name = { 'app.kubernetes.io/name': DAEMON_SET_NAME };
  const labels = { ...name, 'app.kubernetes.io/version': VERSION };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: DAEMON_SET_NAME, namespace, labels },
    spec: {
      selector: { matchLabels: name },
      // One node after the other: each hands its addresses over before it stops.
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      template: {
        metadata: { labels, ...scrapingOf(request) },
        spec: { ...podSpecOf(request), ...(taint ? CONTROL_PLANE_ONLY : {}) },
      },
    },
  };
}

/** Lets Prometheus find the metrics, where other hosts reach them. */
function scrapingOf({ settings: { statusServer } }: PodRequest): object {
  if (statusServer === undefined || !EVERYWHERE.includes(statusServer.host)) return {};
  return {
    annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': `${statusServer.port}` },
  };
}
