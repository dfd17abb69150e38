// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';

/** Adds the flags that the daemon acts on. */
export function addDaemonFlags(command: Command): void {
  command
    .option(
      '--kubeconfig <file>',
      'kubeconfig to use; default: as kubectl does, then the service account of the Pod',
    )
    .option('--master <url>', 'URL of the API server, instead of the one in the kubeconfig')
    .option(
      '--OutSideCluster [bool]',
      'use a kubeconfig (accepted for kube-vip-cloud-provider; found without it)',
    )
    .option('--bind-address <address>', 'address of the status server (default: 0.0.0.0)')
    .option(
      '--port <port>',
      'port of the status server, plain HTTP: /healthz, /readyz, /metrics (default: 10258)',
    )
    .option('--concurrent-service-syncs <number>', 'Services worked on at the same time (default: 10)')
    .option('--release-rest <duration>', 'rest of a released address while others are free (default: 60s)')
    .option(
      '--write-service-configmaps [bool]',
      'list the Services of each namespace in its ConfigMap plndr, for a balancer that runs there (default: false)',
    )
    .option('--leader-elect [bool]', 'write only while holding the Lease (default: true)')
    .option('--leader-elect-resource-name <name>', 'name of the Lease (default: kube-vip-cloud-controller)')
    .option('--leader-elect-resource-namespace <namespace>', 'namespace of the Lease (default: kube-system)')
    .option('--leader-elect-resource-lock <kind>', 'only leases')
    .option('--leader-elect-lease-duration <duration>', 'others may take the Lease after this (default: 15s)')
    .option(
      '--leader-elect-renew-deadline <duration>',
      'give up leading after this without renewal (default: 10s)',
    )
    .option('--leader-elect-retry-period <duration>', 'time between tries (default: 2s)')
    .option('-v, --v <level>', 'log level as klog counts it: 0 info, 4 debug, 6 trace');
}
