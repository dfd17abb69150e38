// SPDX-License-Identifier: Apache-2.0
import { createProgram, type DaemonCommandLine } from '../command.ts';
import { spellOut } from '../stock-flags.ts';

/**
 * Reads a command line as the program does, and says what the daemon would be started with.
 *
 * @throws Error when the daemon would not be started.
 */
export function parseCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): DaemonCommandLine {
  let parsed: DaemonCommandLine | undefined;
  const runDaemon = (commandLine: DaemonCommandLine) => {
    parsed = commandLine;
    return Promise.resolve();
  };
  const program = createProgram({ env, version: '1.2.3', runDaemon });
  program.parse(spellOut(args, program), { from: 'user' });
  if (parsed === undefined) throw new Error('the daemon was not started');
  return parsed;
}
