#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { CommanderError } from 'commander';
import { parseCommandLine } from './commands/command.ts';
import { VERSION } from './version.ts';

try {
  const commandLine = parseCommandLine({ args: process.argv.slice(2), env: process.env, version: VERSION });
  // Loaded only now: help and usage errors need none of it.
  const { run } = await import('./commands/run.ts');
  process.exitCode = await run(commandLine, VERSION);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else {
    console.error(error instanceof SettingsError ? error.message : error);
    process.exitCode = 1;
  }
}
