// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import type { GroupFlags, GroupKeyFlags, GroupReformFlags } from './group-run.ts';

/** `agent group`: the record that all agents share, for operators. */
export function groupCommand(): Command {
  return new Command('group')
    .description('look at the group of agents, and repair it')
    .addCommand(showCommand())
    .addCommand(reformCommand())
    .addCommand(keyCommand());
}

const io = {
  env: process.env,
  write: (text: string) => process.stdout.write(text),
  complain: (text: string) => process.stderr.write(text),
};

function withConnection(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig of the cluster; default: as the manager does')
    .option('-n, --namespace <name>', 'namespace of the group record', 'kube-system')
    .option('--control-plane', 'the group of agents that serve the control plane and no Services');
}

function showCommand(): Command {
  return withConnection(new Command('show'))
    .description('show the group record: engine in force, voters, and every agent in it')
    .option('--json', 'as one JSON document')
    .allowExcessArguments(false)
    .action(async (flags: GroupFlags) => {
      const { showGroup } = await import('./group-run.ts');
      process.exitCode = await showGroup({ flags, ...io });
    });
}

function reformCommand(): Command {
  return withConnection(new Command('reform'))
    .description(
      'when a majority of the voters is lost for good: make these living agents the voters, whatever there was before. ' +
        'All other voters must be off, and stay off until they are started anew: one that lives unseen may answer for the same addresses',
    )
    .argument('<node...>', 'agents that become voters, one or three at best')
    .option('--yes', 'the other voters are off')
    .option('--timeout <seconds>', 'how long to wait for the agents to do it', '30')
    .action(async (nodes: string[], flags: GroupReformFlags) => {
      const { reformGroup } = await import('./group-run.ts');
      process.exitCode = await reformGroup({ nodes, flags, ...io });
    });
}

function keyCommand(): Command {
  return new Command('key')
    .description('print a fresh random key for the group')
    .option('--manifest', 'as a Secret to apply')
    .option('--create', 'create the Secret in the cluster instead, unless there is one already')
    .option('--kubeconfig <file>', 'with --create: kubeconfig of the cluster; default: as the manager does')
    .option('--secret <name>', 'name of the Secret', 'fairlead-group')
    .option('-n, --namespace <name>', 'namespace of the Secret', 'kube-system')
    .allowExcessArguments(false)
    .action(async (flags: GroupKeyFlags) => {
      const { createGroupKey, groupKey } = await import('./group-run.ts');
      if (flags.create === true) process.exitCode = await createGroupKey({ flags, ...io });
      else io.write(groupKey(flags));
    });
}
