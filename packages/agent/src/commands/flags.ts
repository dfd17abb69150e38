// SPDX-License-Identifier: Apache-2.0
import { type Command, Option } from 'commander';
import { SETTINGS, type SettingSpec } from '../config/names.ts';
import { UNSUPPORTED_SETTINGS } from '../config/unsupported.ts';

/**
 * Adds every flag of the manager: those we understand with their help, kube-vip's others hidden, so that a command line
 * written for it is accepted and answered with a warning for each thing we do not do.
 */
export function addSettingFlags(command: Command): void {
  const specs: readonly SettingSpec[] = Object.values(SETTINGS);
  for (const { flag, takes, env, help } of specs) {
    if (flag !== undefined) command.addOption(new Option(syntaxOf(flag, takes), `${help} [$${env}]`));
  }
  for (const { flag, takes } of UNSUPPORTED_SETTINGS) {
    if (flag !== undefined) command.addOption(new Option(syntaxOf(flag, takes)).hideHelp());
  }
}

function syntaxOf(flag: string, takes: 'bool' | 'value'): string {
  const short = flag === 'namespace' ? '-n, ' : '';
  return `${short}--${flag} ${takes === 'bool' ? '[bool]' : '<value>'}`;
}
