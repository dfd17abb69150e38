// SPDX-License-Identifier: Apache-2.0
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';

/** What {@link staticPod} is made from; paths are of the host. */
export interface StaticPodOptions {
  readonly kubeconfig: string;
  readonly keyFile: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Where the Pod finds its files. */
const KUBECONFIG = '/etc/kubernetes/admin.conf';
const KEY_FILE = '/etc/kubernetes/fairlead-group-key';

/** What kube-vip's manifest for a control plane sets, and what an engine that needs no API server needs. */
const ENV = {
  vip_arp: 'true',
  port: '6443',
  vip_interface: 'eth0',
  vip_subnet: '32',
  cp_enable: 'true',
  cp_namespace: 'kube-system',
  vip_leaderelection: 'true',
  vip_leasename: 'plndr-cp-lock',
  vip_leaseduration: '5',
  vip_renewdeadline: '3',
  vip_retryperiod: '1',
  prometheus_server: ':2112',
  fairlead_group_key_file: KEY_FILE,
} as const;

/** The agent as `/etc/kubernetes/manifests` has it on a node of the control plane. */
export function staticPod({ kubeconfig, keyFile, env }: StaticPodOptions): Pod {
  const files = { kubeconfig: { from: kubeconfig, to: KUBECONFIG }, key: { from: keyFile, to: KEY_FILE } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'kube-vip', namespace: 'kube-system' },
    spec: {
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      containers: [
        {
          name: 'kube-vip',
          image: 'fairlead/agent:dev',
          args: ['manager'],
          env: [
            { name: 'vip_nodename', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
            ...Object.entries({ ...ENV, ...env }).map(([name, value]) => ({ name, value })),
          ],
          securityContext: { capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] } },
          volumeMounts: Object.entries(files).map(([name, { to }]) => ({
            name,
            mountPath: to,
            readOnly: true,
          })),
        },
      ],
      volumes: Object.entries(files).map(([name, { from }]) => ({
        name,
        hostPath: { path: from, type: 'File' },
      })),
    },
  };
}
