// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { readSettings } from '../config/settings.ts';
import { addSettingFlags } from './flags.ts';
import { managerInputs } from './manager-inputs.ts';

/** `agent manager`: the daemon, with kube-vip's settings. */
export function managerCommand(): Command {
  const command = new Command('manager').description(
    'serve LoadBalancer Services on this node; settings come from kube-vip’s environment variables (which win), flags, and a file',
  );
  addSettingFlags(command);
  return command.action(async () => {
    const settings = readSettings(await managerInputs(command));
    // Loaded only now: help and usage errors need none of it.
    const { runManager } = await import('../manager/run.ts');
    process.exitCode = await runManager(settings);
  });
}
