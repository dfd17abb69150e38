#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { CommanderError } from 'commander';
import { createProgram } from './commands/command.ts';
import { spellOut } from './commands/stock-flags.ts';
import { VERSION } from './version.ts';

const program = createProgram({
  env: process.env,
  version: VERSION,
  runDaemon: async (commandLine) => {
    // Loaded only now: help, usage errors and sub-commands need none of it.
    const { run } = await import('./commands/run.ts');
    process.exitCode = await run(commandLine, VERSION);
  },
});

try {
  await program.parseAsync(spellOut(process.argv.slice(2), program), { from: 'user' });
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else {
    console.error(error instanceof SettingsError ? error.message : error);
    process.exitCode = 1;
  }
}
