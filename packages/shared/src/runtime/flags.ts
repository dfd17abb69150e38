// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';

/**
 * Flags that were really given on the command line, by long name without dashes, as text: the `flags` source of a
 * SettingsReader. Defaults are left out, so that an environment variable can supply the value.
 */
export function flagsOf(command: Command): Readonly<Record<string, string>> {
  const flags: Record<string, string> = {};
  for (const option of command.options) {
    const key = option.attributeName();
    const value: unknown = command.getOptionValue(key);
    if (command.getOptionValueSource(key) !== 'cli' || value === undefined) continue;
    flags[(option.long ?? key).replace(/^--/, '')] = String(value);
  }
  return flags;
}
