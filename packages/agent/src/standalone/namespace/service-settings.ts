// SPDX-License-Identifier: Apache-2.0
import { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import type { LeaseName } from '../../config/lease-name.ts';
import { parseListen } from '../../config/parsers.ts';
import type { Listen } from '../../manager/status-servers.ts';

/** Everything that `agent service` needs to know, checked. */
export interface ServiceSettings {
  /** Identity in the Lease. */
  readonly node: string;
  readonly namespace: string;
  readonly configMap: string;
  readonly interface: string | undefined;
  readonly lease: LeaseName;
  /** For probes and metrics; undefined: nowhere. */
  readonly statusServer: Listen | undefined;
  /** Undefined: the service account's. */
  readonly kubeconfig: string | undefined;
}

/** Where the settings come from. The environment wins over flags, as in kube-vip 0.1. */
export interface ServiceInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: Readonly<Record<string, string>>;
  readonly hostName: string;
  /** Namespace of the service account, where there is one. */
  readonly tokenNamespace: string | undefined;
}

const SETTINGS = {
  configMap: { env: 'vip_configmap', flag: 'configMap' },
  interface: { env: 'vip_interface', flag: 'interface' },
  node: { env: 'vip_nodename', flag: 'nodeName' },
  namespace: { env: 'svc_namespace', flag: 'namespace' },
  kubeconfig: { env: 'k8s_config_file', flag: 'k8sConfigPath' },
  statusServer: { env: 'prometheus_server', flag: 'prometheusHTTPServer' },
  outside: { flag: 'OutSideCluster' },
} as const;

/** kube-vip 0.1's default, `kube-vip`, was never the name that its cloud provider wrote to. */
const CONFIG_MAP = 'plndr';
const LEASE = 'plunder-lock';
const ADMIN = '/etc/kubernetes/admin.conf';
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Reads and checks the settings. @throws SettingsError with every problem at once. */
export function readServiceSettings({
  env,
  flags,
  hostName,
  tokenNamespace,
}: ServiceInputs): ServiceSettings {
  const reader = new SettingsReader({ env, flags, prefer: 'env' });
  const namespace = reader.string(SETTINGS.namespace, tokenNamespace ?? 'default');
  const configMap = reader.string(SETTINGS.configMap, CONFIG_MAP);
  const names = [
    [SETTINGS.namespace.env, namespace],
    [SETTINGS.configMap.env, configMap],
  ] as const;
  for (const [setting, received] of names) {
    if (!NAME.test(received))
      reader.addProblem({ setting, received, expected: 'a name in lower case, as the API server has them' });
  }
  const kubeconfig = reader.optionalString(SETTINGS.kubeconfig);
  const isInside = Boolean(env.KUBERNETES_SERVICE_HOST) && !reader.bool(SETTINGS.outside, false);
  const settings: ServiceSettings = {
    node: reader.string(SETTINGS.node, hostName).toLowerCase(),
    namespace,
    configMap,
    interface: reader.optionalString(SETTINGS.interface),
    lease: { namespace, name: LEASE },
    statusServer: reader.read(SETTINGS.statusServer, parseListen, undefined),
    kubeconfig: kubeconfig ?? (isInside ? undefined : (env.KUBECONFIG ?? ADMIN)),
  };
  reader.finish();
  return settings;
}
