// SPDX-License-Identifier: Apache-2.0
import { flagsOf } from '@fairlead/shared/runtime/flags.ts';
import { Command } from 'commander';
import { addDaemonFlags } from './daemon-flags.ts';
import { addIgnoredFlags, IGNORED_FLAGS } from './stock-flags.ts';

/** `cloud-provider manifest`: what to apply to a cluster, with the daemon's flags in it, on the standard output. */
export function manifestCommand({
  env,
  version,
}: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
}): Command {
  const command = new Command('manifest')
    .description(
      'print the manifest for the flags given here and the environment; wrong ones end with code 1 and the reason',
    )
    .option('--image <name>', 'image to run; without a tag, this version’s (fairlead/cloud-provider)')
    .option('--replicas <number>', 'how many; one works, the others stand by (1)')
    .allowExcessArguments(false)
    .exitOverride();
  addDaemonFlags(command);
  addIgnoredFlags(command);
  return command.action(async () => {
    // Loaded only now: the daemon writes no manifests.
    const { generate } = await import('../manifest/generate.ts');
    const { writeYaml } = await import('@fairlead/shared/kubernetes/write-yaml.ts');
    const { image, replicas, ...given } = flagsOf(command);
    const flags = Object.fromEntries(Object.entries(given).filter(([name]) => !IGNORED_FLAGS.includes(name)));
    process.stdout.write(writeYaml(generate({ env, flags, image, replicas, version })));
  });
}
