// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from 'commander';
import type { StatusFlags } from './status-run.ts';

/** `agent status`: what the agent of this node, or of another one, knows and does. */
export function statusCommand(): Command {
  return new Command('status')
    .description(
      'show what the agent of this node knows and does; ends with 0 when all is well, 1 when not, 2 when it cannot be asked',
    )
    .option('--json', 'the whole report as one JSON document')
    .addOption(
      new Option('--node <name>', 'ask the agent of this node instead, on its status server').conflicts(
        'server',
      ),
    )
    .option('--server <url>', 'ask this status server instead, for example http://192.0.2.1:2112')
    .option('--port <number>', 'port of the status server with --node', '2112')
    .option(
      '--kubeconfig <file>',
      'kubeconfig with which --node finds the node; default: as the manager does',
    )
    .option('--timeout <seconds>', 'how long to wait for the answer', '5')
    .allowExcessArguments(false)
    .action(async (flags: StatusFlags) => {
      // Loaded only now: the manager draws no tables.
      const { runStatus } = await import('./status-run.ts');
      process.exitCode = await runStatus({
        flags,
        env: process.env,
        write: (text) => process.stdout.write(text),
        complain: (text) => process.stderr.write(text),
      });
    });
}
