// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { VERSION } from '../version.ts';

/** `agent version`. */
export function versionCommand(): Command {
  return new Command('version').description('print the version').action(() => {
    process.stdout.write(`fairlead agent ${VERSION} (Node.js ${process.version})\n`);
  });
}
