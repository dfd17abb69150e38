// SPDX-License-Identifier: Apache-2.0
import { flagsOf } from '@fairlead/shared/runtime/flags.ts';
import { Command } from 'commander';
import { checkCommand } from './check.ts';
import { addDaemonFlags } from './daemon-flags.ts';
import { manifestCommand } from './manifest.ts';
import { poolsCommand } from './pools.ts';
import { type CommandSettings, readSettings } from './settings.ts';
import { addIgnoredFlags, IGNORED_ENVIRONMENT, IGNORED_FLAGS } from './stock-flags.ts';

/** What the program is made with. */
export interface ProgramOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Runs when the command line has no sub-command. */
  readonly runDaemon: (commandLine: DaemonCommandLine) => Promise<void>;
}

/** Settings of the daemon, and what was accepted without effect. */
export interface DaemonCommandLine {
  readonly settings: CommandSettings;
  /** Long names without dashes. */
  readonly ignoredFlags: readonly string[];
  /** Names. */
  readonly ignoredEnvironment: readonly string[];
}

/**
 * The command `cloud-provider` and its sub-commands; without a sub-command it is the daemon. That takes the flags of
 * kube-vip-cloud-provider's manifest and of cloud controller managers in general; an unknown flag is an error. Usage errors
 * and help are written by commander, which then throws its CommanderError; bad values throw a SettingsError.
 */
export function createProgram({ env, version, runDaemon }: ProgramOptions): Command {
  const command = new Command('cloud-provider')
    .description(
      'Gives Services of type LoadBalancer their addresses from the pools in the ConfigMap kubevip.',
    )
    .version(version, '--version')
    .allowExcessArguments(false)
    // The flags of the daemon stand before a sub-command, where they mean nothing; each sub-command has its own.
    .enablePositionalOptions()
    .exitOverride();
  addDaemonFlags(command);
  addIgnoredFlags(command);
  command.action(() => {
    const flags = flagsOf(command);
    const ignoredFlags = IGNORED_FLAGS.filter((name) => name in flags);
    const ignoredEnvironment = IGNORED_ENVIRONMENT.filter((name) => env[name]);
    return runDaemon({ settings: readSettings({ env, flags }), ignoredFlags, ignoredEnvironment });
  });
  return command
    .addCommand(checkCommand({ env }))
    .addCommand(poolsCommand({ env, version }))
    .addCommand(manifestCommand({ env, version }));
}
