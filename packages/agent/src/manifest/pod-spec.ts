// SPDX-License-Identifier: Apache-2.0
import type { AgentSettings } from '../config/settings.ts';
import { argumentsOf, environmentOf } from './environment.ts';
import { PROGRAM_NAME } from './names.ts';
import type { Said } from './said.ts';

/** Where the container finds the kubeconfig of the host: the agent's own default. */
const KUBECONFIG = '/etc/kubernetes/admin.conf';

/** What a Pod of the agent is made from. */
export interface PodRequest {
  readonly said: Said;
  /** The same, read as the agent in the Pod will read it. */
  readonly settings: AgentSettings;
  /** With its tag. */
  readonly image: string;
  /** With a service account; else with a kubeconfig of the host. */
  readonly inCluster: boolean;
  /** Features for which a privileged container readies the node before each start of the agent. */
  readonly prepare: readonly string[];
}

/** The `spec` of a Pod of the agent: on the host's network, with two capabilities and nothing to write to. Pure. */
export function podSpecOf(request: PodRequest): object {
  const { said, settings, image, inCluster, prepare } = request;
  const kubeconfig = said.nonEmpty('k8s_config_file') ?? KUBECONFIG;
  const volumes = [
    ...(inCluster ? [] : [hostPath('kubeconfig', kubeconfig, 'File')]),
    ...(loadsModules(prepare) ? [hostPath(MODULES.name, MODULES.mountPath, 'Directory')] : []),
  ];
  return {
    ...(inCluster ? { serviceAccountName: PROGRAM_NAME } : {}),
    hostNetwork: true,
    priorityClassName: 'system-node-critical',
    // An orderly end takes well under 2 s; the agent gives up after 10 s.
    terminationGracePeriodSeconds: 15,
    ...(prepare.length > 0 ? { initContainers: [preparing(prepare, image)] } : {}),
    containers: [
      {
        name: PROGRAM_NAME,
        image,
        imagePullPolicy: 'IfNotPresent',
        args: ['manager', ...argumentsOf(said)],
        env: environmentOf(said),
        ...probesOf(settings),
        resources: { requests: { cpu: '20m', memory: '100Mi' } },
        securityContext: {
          // Root, because file capabilities do not pass allowPrivilegeEscalation: false.
          runAsUser: 0,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          seccompProfile: { type: 'RuntimeDefault' },
          capabilities: { drop: ['ALL'], add: capabilitiesOf(settings) },
        },
        ...(inCluster
          ? {}
          : { volumeMounts: [{ name: 'kubeconfig', mountPath: KUBECONFIG, readOnly: true }] }),
      },
    ],
    // The name that every API server's certificate has, for the peer's program as well.
    ...(inCluster ? {} : { hostAliases: [{ ip: '127.0.0.1', hostnames: ['kubernetes'] }] }),
    ...(volumes.length > 0 ? { volumes } : {}),
  };
}

/** Kernel modules of the host. */
const MODULES = { name: 'modules', mountPath: '/lib/modules' };

/** nftables only takes kernel settings. */
function loadsModules(features: readonly string[]): boolean {
  return features.some((feature) => feature !== 'nftables');
}

function hostPath(name: string, path: string, type: string): object {
  return { name, hostPath: { path, type } };
}

/** What the agent with its two capabilities may not do: set kernel settings, load modules. It ends before the agent starts. */
function preparing(features: readonly string[], image: string): object {
  return {
    name: 'prepare',
    image,
    imagePullPolicy: 'IfNotPresent',
    args: ['prepare', ...features, '--keep-going'],
    resources: { requests: { cpu: '20m', memory: '64Mi' } },
    securityContext: { runAsUser: 0, privileged: true, readOnlyRootFilesystem: true },
    ...(loadsModules(features) ? { volumeMounts: [{ ...MODULES, readOnly: true }] } : {}),
  };
}

/** Addresses and nftables; ARP and NDP frames; ports below 1024, where the agent itself listens at the addresses. */
function capabilitiesOf({ balance }: AgentSettings): readonly string[] {
  return ['NET_ADMIN', 'NET_RAW', ...(balance === 'userspace' ? ['NET_BIND_SERVICE'] : [])];
}

/** Hosts of a status server that mean every address of the node. */
export const EVERYWHERE: readonly string[] = ['', '0.0.0.0', '::'];

/** Liveness never fails because of the API server: a restart would give up addresses for nothing. */
function probesOf({ statusServer }: AgentSettings): object {
  if (statusServer === undefined) return {};
  const { host, port } = statusServer;
  const get = (path: string) => ({
    httpGet: { path, port, ...(EVERYWHERE.includes(host) ? {} : { host }) },
  });
  return {
    startupProbe: { ...get('/healthz'), periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...get('/livez'), periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3 },
    readinessProbe: { ...get('/readyz'), periodSeconds: 2, timeoutSeconds: 2 },
  };
}
