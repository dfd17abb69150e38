// SPDX-License-Identifier: Apache-2.0
import { flagsOf } from '@fairlead/shared/runtime/flags.ts';
import { Command } from 'commander';
import { checkCommand } from './check.ts';
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
    .option('-v, --v <level>', 'log level as klog counts it: 0 info, 4 debug, 6 trace')
    .allowExcessArguments(false)
    // The flags of the daemon stand before a sub-command, where they mean nothing; each sub-command has its own.
    .enablePositionalOptions()
    .exitOverride();
  addIgnoredFlags(command);
  command.action(() => {
    const flags = flagsOf(command);
    const ignoredFlags = IGNORED_FLAGS.filter((name) => name in flags);
    const ignoredEnvironment = IGNORED_ENVIRONMENT.filter((name) => env[name]);
    return runDaemon({ settings: readSettings({ env, flags }), ignoredFlags, ignoredEnvironment });
  });
  return command.addCommand(checkCommand({ env })).addCommand(poolsCommand({ env, version }));
}
