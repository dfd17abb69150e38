// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import type { PrepareFlags } from './prepare-run.ts';

/** `agent prepare`: gives a node what a feature needs of its kernel and an agent without privileges cannot set. */
export function prepareCommand(): Command {
  return new Command('prepare')
    .description(
      'set what features need of the kernel of this node (settings, modules). Needs a privileged container, or root; ' +
        'the agent itself then needs neither',
    )
    .argument('<feature...>', 'nftables, ipvs or syn-proxy')
    .option('--dry-run', 'only say what would be set')
    .option('--keep-going', 'exit 0 even if something could not be set')
    .action(async (features: string[], flags: PrepareFlags) => {
      const { kernelOfThisHost, runPrepare } = await import('./prepare-run.ts');
      process.exitCode = await runPrepare({
        features,
        flags,
        kernel: kernelOfThisHost,
        write: (text) => process.stdout.write(text),
        complain: (text) => process.stderr.write(text),
      });
    });
}
