// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { addSettingFlags } from './flags.ts';
import { managerInputs } from './manager-inputs.ts';

/** `agent config`: what `agent manager` would make of its settings. Starts nothing. */
export function configCommand(): Command {
  const sub = (name: string, about: string): Command => {
    const command = new Command(name)
      .description(about)
      .option('--json', 'as one JSON document')
      .allowExcessArguments(false);
    addSettingFlags(command);
    return command.action(async () => {
      const { runConfig } = await import('./config-run.ts');
      const { json } = command.opts<{ readonly json?: boolean }>();
      process.exitCode = runConfig({
        what: name === 'show' ? 'show' : 'check',
        json: json === true,
        inputs: await managerInputs(command),
        write: (text) => process.stdout.write(text),
        complain: (text) => process.stderr.write(text),
      });
    });
  };
  return new Command('config')
    .description('look at the settings of agent manager, from the same environment, flags and file')
    .addCommand(
      sub(
        'check',
        'say what is wrong and what to change; ends with 0 when the manager would start, else with 1',
      ),
    )
    .addCommand(sub('show', 'show the value of each setting that counts, and where it comes from'));
}
