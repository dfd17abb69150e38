// SPDX-License-Identifier: Apache-2.0
import { Command, CommanderError, Option } from 'commander';
import { type CheckOutput, UNUSABLE } from './check-options.ts';

/** `cloud-provider check <file>`: reads a manifest as the daemon would and tells what is wrong, before it is applied. */
export function checkCommand({
  env,
}: {
  readonly env: Readonly<Record<string, string | undefined>>;
}): Command {
  return new Command('check')
    .description('check a manifest with the ConfigMap of the pools before it is applied')
    .argument('<file>', 'YAML or JSON; - reads the standard input')
    .addOption(
      new Option('-o, --output <format>', 'how to write the report')
        .choices(['text', 'json'])
        .default('text'),
    )
    .allowExcessArguments(false)
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : new CommanderError(UNUSABLE, error.code, error.message);
    })
    .action(async (file: string, { output }: { readonly output: CheckOutput }) => {
      // Loaded only now: the daemon reads no YAML.
      const { runCheck } = await import('./check-run.ts');
      process.exitCode = await runCheck({ file, output, env });
    });
}
