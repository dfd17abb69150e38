// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from 'commander';
import type { PoolsFlags } from './pools-flags.ts';

/** `cloud-provider pools`: shows the pools of a cluster and how full they are. */
export function poolsCommand({
  env,
  version,
}: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
}): Command {
  return new Command('pools')
    .description('show the pools of the cluster, how full they are and what is wrong with the ConfigMap')
    .addOption(
      new Option('-o, --output <format>', 'how to show them').choices(['table', 'json']).default('table'),
    )
    .option('--services', 'show who holds each address, and who waits for one')
    .option('--kubeconfig <file>', 'kubeconfig to use; default: as kubectl does')
    .option('--context <name>', 'context of the kubeconfig')
    .option(
      '--config-map <[namespace/]name>',
      'ConfigMap with the pools; default: as the environment of the daemon says, else kube-system/kubevip',
    )
    .allowExcessArguments(false)
    .exitOverride()
    .action(async (flags: PoolsFlags) => {
      // Loaded only now: the daemon draws no tables.
      const { runPools } = await import('./pools-run.ts');
      process.exitCode = await runPools({ flags, env, version });
    });
}
