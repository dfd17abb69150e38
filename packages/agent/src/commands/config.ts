// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { Command } from 'commander';
import type { ConfigRun } from './config-run.ts';
import { addSettingFlags, settingFlagsOf } from './flags.ts';
import { managerInputs } from './manager-inputs.ts';

/** What a manifest gives its manager. */
async function ofManifest(path: string): Promise<Pick<ConfigRun, 'inputs' | 'placeOf'>> {
  const { inputsFromManifest } = await import('../config/manifest-inputs.ts');
  const { inputs, args, placeOf } = inputsFromManifest(path, await textOf(path));
  const parser = new Command('manager').allowExcessArguments(false);
  addSettingFlags(parser);
  parser.parse([...args], { from: 'user' });
  return { inputs: { ...inputs, flags: settingFlagsOf(parser) }, placeOf };
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new SettingsError([
      { setting: '--manifest', received: path, expected: `a file that can be read (${words})` },
    ]);
  }
}

/** `agent config`: what `agent manager` would make of its settings. Starts nothing. */
export function configCommand(): Command {
  const sub = (name: string, about: string): Command => {
    const command = new Command(name)
      .description(about)
      .option('--json', 'as one JSON document')
      .option(
        '--manifest <file>',
        'what the manager of this Pod, DaemonSet or Deployment would be given, instead of what stands here',
      )
      .allowExcessArguments(false);
    addSettingFlags(command);
    return command.action(async () => {
      const { runConfig } = await import('./config-run.ts');
      const { json, manifest } = command.opts<{ readonly json?: boolean; readonly manifest?: string }>();
      process.exitCode = runConfig({
        what: name === 'show' ? 'show' : 'check',
        json: json === true,
        ...(manifest === undefined ? { inputs: await managerInputs(command) } : await ofManifest(manifest)),
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
