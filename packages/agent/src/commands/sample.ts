// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { SAMPLE_CONFIG, sampleManifest } from '../standalone/samples.ts';
import { VERSION } from '../version.ts';

/** `agent sample`: something to begin with. */
export function sampleCommand(): Command {
  const print = (name: string, about: string, text: string): Command =>
    new Command(name)
      .description(about)
      .allowExcessArguments(false)
      .action(() => {
        process.stdout.write(text);
      });
  return new Command('sample')
    .description('print examples to begin with')
    .addCommand(print('config', 'a configuration for agent start', SAMPLE_CONFIG))
    .addCommand(print('manifest', 'a static Pod that runs agent start', sampleManifest(VERSION)));
}
