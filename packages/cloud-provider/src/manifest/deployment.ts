// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import type { CommandSettings } from '../commands/settings.ts';
import { ACCOUNT, NAMESPACE, WORKLOAD } from './names.ts';

/** What the Deployment is made from. */
export interface DeploymentRequest {
  readonly settings: CommandSettings;
  /** Flags that were given; they become arguments. */
  readonly flags: Readonly<Record<string, string>>;
  readonly variables: readonly { readonly name: string; readonly value: string }[];
  /** With its tag. */
  readonly image: string;
  readonly replicas: number;
}

/**
 * Room for new objects before they are sorted out. Left alone it grows to a multiple of what 10,000 Services take themselves,
 * and is not given back.
 */
const HEAP = { name: 'NODE_OPTIONS', value: '--max-semi-space-size=4' };
/** Nodes of a control plane by today's label, and the one before Kubernetes 1.24. */
const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane';
/** Taints of such nodes; the older one is not named elsewhere, as API servers warn of it there. */
const TAINTS = [CONTROL_PLANE, 'node-role.kubernetes.io/master'];

/** The program on one node, on that of a control plane where there is room, as nobody in particular. Pure. */
export function deploymentOf(request: DeploymentRequest): KubeObject & { readonly spec: object } {
  const labels = { app: 'kube-vip', component: WORKLOAD };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: WORKLOAD, namespace: NAMESPACE, labels },
    spec: {
      replicas: request.replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpecOf(request) },
    },
  };
}

function podSpecOf(request: DeploymentRequest): object {
  return {
    serviceAccountName: ACCOUNT,
    priorityClassName: 'system-cluster-critical',
    containers: [containerOf(request)],
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65_532,
      runAsGroup: 65_532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    tolerations: TAINTS.map((key) => ({ key, effect: 'NoSchedule' })),
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 10, preference: { matchExpressions: [{ key: CONTROL_PLANE, operator: 'Exists' }] } },
        ],
      },
    },
  };
}

function containerOf({ settings, flags, variables, image }: DeploymentRequest): object {
  const lease = settings.election?.leaseName;
  const given = Object.entries({
    ...(lease === undefined ? {} : { 'leader-elect-resource-name': lease }),
    ...flags,
  });
  const { port } = settings.status;
  const get = (path: string) => ({ httpGet: { path, port: 'status' } });
  return {
    name: WORKLOAD,
    image,
    imagePullPolicy: 'IfNotPresent',
    args: given.map(([name, value]) => (name.length === 1 ? `-${name}=${value}` : `--${name}=${value}`)),
    env: [HEAP, ...variables],
    ...(port === 0
      ? {}
      : {
          ports: [{ name: 'status', containerPort: port }],
          livenessProbe: { ...get('/healthz'), periodSeconds: 10, failureThreshold: 3 },
          readinessProbe: { ...get('/readyz'), periodSeconds: 5 },
        }),
    resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '384Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  };
}
