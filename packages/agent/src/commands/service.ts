// SPDX-License-Identifier: Apache-2.0
import { hostname } from 'node:os';
import { flagsOf } from '@fairlead/shared/runtime/flags.ts';
import { Command } from 'commander';
import { tokenNamespace } from './token-namespace.ts';

/** `agent service`: the balancer of one namespace, as in kube-vip 0.1. */
export function serviceCommand(): Command {
  const command = new Command('service')
    .description(
      'answer for the addresses that plndr-cloud-provider has written into a ConfigMap of this namespace, and balance ' +
        'connections to the endpoints of its Services in user space; the environment (vip_*) wins over flags',
    )
    .option('-c, --configMap <name>', 'the ConfigMap with the list of Services (plndr) [$vip_configmap]')
    .option('-i, --interface <link>', 'link to answer on (the one with the default route) [$vip_interface]')
    .option('-n, --namespace <name>', 'namespace (that of the service account) [$svc_namespace]')
    .option('--nodeName <name>', 'identity in the Lease (host name) [$vip_nodename]')
    .option('--arp [bool]', 'no effect: addresses are always announced')
    .option(
      '--prometheusHTTPServer <address>',
      'where probes and metrics are served, e.g. :2112 (nowhere) [$prometheus_server]',
    )
    .option('--OutSideCluster [bool]', 'with a kubeconfig instead of the service account')
    .option(
      '--k8sConfigPath <file>',
      'the kubeconfig ($KUBECONFIG, or the administrator’s) [$k8s_config_file]',
    )
    .allowExcessArguments(false);
  return command.action(async () => {
    const { readServiceSettings } = await import('../standalone/namespace/service-settings.ts');
    const settings = readServiceSettings({
      env: process.env,
      flags: flagsOf(command),
      hostName: hostname(),
      tokenNamespace: tokenNamespace(),
    });
    const { runService } = await import('../standalone/namespace/run-service.ts');
    process.exitCode = await runService(settings);
  });
}
