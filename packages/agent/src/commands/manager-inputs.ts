// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import type { Command } from 'commander';
import { SETTINGS } from '../config/names.ts';
import type { ConfigFile, SettingInputs } from '../config/setting-inputs.ts';
import { settingFlagsOf } from './flags.ts';
import { tokenNamespace } from './token-namespace.ts';

/** Everything that the settings of `agent manager` are read from. The configuration file is looked for in environment and flags. */
export async function managerInputs(
  command: Command,
  env: SettingInputs['env'] = process.env,
): Promise<SettingInputs> {
  const flags = settingFlagsOf(command);
  const namespace = tokenNamespace();
  return {
    env,
    flags,
    hostName: hostname(),
    ...(await fileInputs(env, flags)),
    ...(namespace === undefined ? {} : { tokenNamespace: namespace }),
  };
}

/** The configuration file that environment or flags name, if they do. */
export async function fileInputs(
  env: SettingInputs['env'],
  flags: Readonly<Record<string, string>>,
): Promise<Pick<SettingInputs, 'file'>> {
  const given = new SettingsReader({ env, flags, prefer: 'env' }).given(SETTINGS.configFile);
  if (given === undefined || given.text === '') return {};
  return { file: await configFile(given.text, given.setting) };
}

async function configFile(path: string, setting: string): Promise<ConfigFile> {
  // Loaded only now: most agents have no such file, and do without a parser for it.
  const { readConfigFile } = await import('../config/config-file.ts');
  try {
    return readConfigFile(path, await readFile(path, 'utf8'), setting);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    const problem = { setting, received: path, expected: `a file that can be read (${words})` };
    return { values: {}, unknown: [], problems: [problem] };
  }
}
