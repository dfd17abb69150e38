// SPDX-License-Identifier: Apache-2.0
import { type Command, Option } from 'commander';

/*
 * What a manifest may carry that was written for Kubernetes' cloud-controller-manager (1.31 to 1.36), for
 * kube-vip-cloud-provider, which is one, or for plndr-cloud-provider, which was one of 1.17. The flags that mean something
 * here are in command.ts; these are taken and mean nothing.
 */

/** Flags that stand alone or have `=true` or `=false`. */
const SWITCHES: readonly string[] = [
  'allocate-node-cidrs',
  'allow-untagged-cloud',
  'authentication-skip-lookup',
  'authentication-tolerate-lookup-failure',
  'configure-cloud-routes',
  'contention-profiling',
  'enable-leader-migration',
  'log-json-split-stream',
  'log-text-split-stream',
  'permit-address-sharing',
  'permit-port-sharing',
  'profiling',
  'use-service-account-credentials',
  // Before 1.26.
  'add-dir-header',
  'alsologtostderr',
  'logtostderr',
  'one-output',
  'skip-headers',
  'skip-log-headers',
];

/** Flags that have a value. */
const VALUES: readonly string[] = [
  'authentication-kubeconfig',
  'authentication-token-webhook-cache-ttl',
  'authorization-always-allow-paths',
  'authorization-kubeconfig',
  'authorization-webhook-cache-authorized-ttl',
  'authorization-webhook-cache-unauthorized-ttl',
  'cert-dir',
  'cidr-allocator-type',
  'client-ca-file',
  'cloud-config',
  'cloud-provider',
  'cluster-cidr',
  'cluster-name',
  'concurrent-node-syncs',
  'controller-start-interval',
  'controllers',
  'external-cloud-volume-plugin',
  'feature-gates',
  'http2-max-streams-per-connection',
  'kube-api-burst',
  'kube-api-content-type',
  'kube-api-qps',
  'leader-migration-config',
  'log-flush-frequency',
  'log-json-info-buffer-size',
  'log-text-info-buffer-size',
  'logging-format',
  'min-resync-period',
  'node-cidr-mask-size',
  'node-cidr-mask-size-ipv4',
  'node-cidr-mask-size-ipv6',
  'node-monitor-period',
  'node-status-update-frequency',
  'node-sync-period',
  'requestheader-allowed-names',
  'requestheader-client-ca-file',
  'requestheader-extra-headers-prefix',
  'requestheader-group-headers',
  'requestheader-uid-headers',
  'requestheader-username-headers',
  'route-reconciliation-period',
  'secure-port',
  'service-cluster-ip-range',
  'tls-cert-file',
  'tls-cipher-suites',
  'tls-min-version',
  'tls-private-key-file',
  'tls-sni-cert-key',
  'validation-webhook-config-file',
  'vmodule',
  'webhook-bind-address',
  'webhook-ca-cert-file',
  'webhook-cert-dir',
  'webhook-secure-port',
  'webhook-tls-cert-file',
  'webhook-tls-private-key-file',
  'webhooks',
  // Before 1.26.
  'address',
  'azure-container-registry-config',
  'cloud-provider-gce-l7lb-src-cidrs',
  'cloud-provider-gce-lb-src-cidrs',
  'log-backtrace-at',
  'log-dir',
  'log-file',
  'log-file-max-size',
  'stderrthreshold',
  // The one pool of the first plndr-cloud-provider.
  'cidr',
];

/** Long names of the flags that are taken without effect. */
export const IGNORED_FLAGS: readonly string[] = [...SWITCHES, ...VALUES];

/** Environment of plndr-cloud-provider that is taken without effect, as it was there. */
export const IGNORED_ENVIRONMENT: readonly string[] = ['PLNDR_SERVICE_CIDR'];

/** Makes the command take the flags that mean nothing. */
export function addIgnoredFlags(command: Command): void {
  for (const name of SWITCHES) command.addOption(new Option(`--${name} [bool]`).hideHelp());
  for (const name of VALUES) command.addOption(new Option(`--${name} <value>`).hideHelp());
}

/**
 * Spells flags as commander knows them. Go programs also take one dash (`-leader-elect=false`, `-v=4`), Kubernetes' take
 * `_` for `-`, and its `--version` has a value.
 */
export function spellOut(args: readonly string[], command: Command): readonly string[] {
  const known = new Set(command.options.flatMap(({ long }) => (long ? [long.slice(2)] : [])));
  return args.flatMap((argument) => {
    const [, name = '', value = ''] = /^--?([a-zA-Z][\w-]*)(=.*)?$/s.exec(argument) ?? [];
    if (name === 'version' && value !== '') return value === '=false' ? [] : ['--version'];
    const word = name.replaceAll('_', '-');
    if (known.has(word)) return [`--${word}${value}`];
    // `-o=json`, as kubectl takes it.
    const isShort = value !== '' && /^-[a-zA-Z]=/.test(argument);
    return isShort ? [`-${name}`, value.slice(1)] : [argument];
  });
}
