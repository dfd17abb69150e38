// SPDX-License-Identifier: Apache-2.0
import { readConfigMap } from '@fairlead/shared/pools/config-map-name.ts';
import type { PoolConfigMap } from '@fairlead/shared/pools/pool-config.ts';
import { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import { parseListen } from '../config/parsers.ts';
import type { Listen } from '../manager/status-servers.ts';
import type { IptablesBackend } from '../system/iptables.ts';

/** Everything that `agent starboard` needs to know, checked. */
export interface StarboardSettings {
  /** For Events. */
  readonly node: string;
  readonly configMap: PoolConfigMap;
  /** Undefined: the one that everybody else uses. */
  readonly backend: IptablesBackend | undefined;
  /** Write rules also where they cut kube-proxy off without anybody in its place. */
  readonly isForced: boolean;
  /** Who carries the traffic of Services, where no agent of this node can be asked; undefined: nobody has said. */
  readonly dataPlane: string | undefined;
  /** For probes and metrics; undefined: nowhere. */
  readonly statusServer: Listen | undefined;
  /** Path of a kubeconfig; undefined with `isInside`: the service account's, without: as kubectl finds it. */
  readonly kubeconfig: string | undefined;
  readonly isInside: boolean;
}

/** Where the settings come from. The environment wins over flags, as with the agent. */
export interface StarboardInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: Readonly<Record<string, string>>;
  readonly hostName: string;
}

const SETTINGS = {
  node: { env: 'vip_nodename', flag: 'nodeName' },
  backend: { env: 'iptables_backend', flag: 'iptablesBackend' },
  force: { env: 'fairlead_starboard_force', flag: 'force' },
  dataPlane: { env: 'fairlead_balance', flag: 'balance' },
  statusServer: { env: 'prometheus_server', flag: 'prometheusHTTPServer' },
  kubeconfig: { env: 'k8s_config_file', flag: 'k8sConfigPath' },
  outside: { flag: 'outsideCluster' },
} as const;

/** Beside the agent's 2112 on the same node. */
const DEFAULT_PORT = 2113;

/** Reads and checks the settings. @throws SettingsError with every problem at once. */
export function readStarboardSettings({ env, flags, hostName }: StarboardInputs): StarboardSettings {
  const reader = new SettingsReader({ env, flags, prefer: 'env' });
  const backend = reader.oneOf(SETTINGS.backend, ['auto', 'nft', 'legacy'], 'auto');
  const planes = ['none', 'nftables', 'ipvs', 'userspace'] as const;
  const settings: StarboardSettings = {
    node: reader.string(SETTINGS.node, hostName).toLowerCase(),
    configMap: readConfigMap(reader),
    backend: backend === 'auto' ? undefined : backend,
    isForced: reader.bool(SETTINGS.force, false),
    dataPlane: reader.isSet(SETTINGS.dataPlane)
      ? reader.oneOf(SETTINGS.dataPlane, planes, 'none')
      : undefined,
    statusServer: reader.read<Listen | undefined>(SETTINGS.statusServer, parseListen, {
      host: '',
      port: DEFAULT_PORT,
    }),
    kubeconfig: reader.optionalString(SETTINGS.kubeconfig),
    isInside: Boolean(env.KUBERNETES_SERVICE_HOST) && !reader.bool(SETTINGS.outside, false),
  };
  reader.finish();
  return settings;
}
