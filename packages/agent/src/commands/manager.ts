// SPDX-License-Identifier: Apache-2.0
import { hostname } from 'node:os';
import { flagsOf } from '@fairlead/shared/runtime/flags.ts';
import { Command } from 'commander';
import { readSettings } from '../config/settings.ts';
import { addSettingFlags } from './flags.ts';
import { tokenNamespace } from './token-namespace.ts';

/** `agent manager`: the daemon, with kube-vip's settings. */
export function managerCommand(): Command {
  const command = new Command('manager').description(
    'serve LoadBalancer Services on this node; settings come from kube-vip’s environment variables (which win) and flags',
  );
  addSettingFlags(command);
  return command.action(async () => {
    const namespace = tokenNamespace();
    const settings = readSettings({
      env: process.env,
      flags: flagsOf(command),
      hostName: hostname(),
      ...(namespace === undefined ? {} : { tokenNamespace: namespace }),
    });
    // Loaded only now: help and usage errors need none of it.
    const { runManager } = await import('../manager/run.ts');
    process.exitCode = await runManager(settings);
  });
}
