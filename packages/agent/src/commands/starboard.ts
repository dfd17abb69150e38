// SPDX-License-Identifier: Apache-2.0
import { hostname } from 'node:os';
import { flagsOf } from '@fairlead/shared/runtime/flags.ts';
import { Command } from 'commander';

/** `agent starboard`: keeps the pools in iptables, as plunder-app's starboard does. */
export function starboardCommand(): Command {
  const command = new Command('starboard')
    .description(
      'keep an accept rule for each pool in nat/PREROUTING of iptables, so that traffic for them skips kube-proxy; not needed ' +
        'beside the agent (docs/starboard.md); the environment wins over flags. Ends with 3 where kube-proxy would be cut off for nothing',
    )
    // One dash, as Go has it: read as -o with the rest of the word for a value.
    .option('-o, --outsideCluster [bool]', 'with a kubeconfig instead of the service account', readOutside)
    .option('--k8sConfigPath <file>', 'the kubeconfig (as kubectl finds it) [$k8s_config_file]')
    .option(
      '--iptablesBackend <auto|nft|legacy>',
      'where the rules go (auto: as kube-proxy) [$iptables_backend]',
    )
    .option('--force [bool]', 'write the rules in any case [$fairlead_starboard_force]')
    .option(
      '--balance <plane>',
      'fairlead_balance of the agent, where it cannot be asked: none, nftables, ipvs, userspace [$fairlead_balance]',
    )
    .option('--nodeName <name>', 'name of this node in Events (host name) [$vip_nodename]')
    .option(
      '--prometheusHTTPServer <address>',
      'where probes and metrics are served, empty: nowhere (:2113) [$prometheus_server]',
    )
    .allowExcessArguments(false);
  return command.action(async () => {
    const { readStarboardSettings } = await import('../starboard/settings.ts');
    const settings = readStarboardSettings({
      env: process.env,
      flags: flagsOf(command),
      hostName: hostname(),
    });
    const { runStarboard } = await import('../starboard/run-starboard.ts');
    process.exitCode = await runStarboard(settings);
  });
}

/** `-outsideCluster=true` arrives here as `utsideCluster=true`. */
function readOutside(value: string): string {
  return value.replace(/^utsideCluster=?/, '') || 'true';
}
