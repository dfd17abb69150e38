// SPDX-License-Identifier: Apache-2.0
import { flagsOf } from '@fairlead/shared/runtime/flags.ts';
import { type Command, Option } from 'commander';
import { ALL_SETTINGS } from '../config/names.ts';
import { type SettingSpec, takes } from '../config/schema/setting.ts';
import { UNSUPPORTED_SETTINGS } from '../config/unsupported.ts';

/**
 * Adds every flag of the manager: those we understand with their help, kube-vip's others hidden, so that a command line
 * written for it is accepted and answered with a warning for each thing we do not do.
 */
export function addSettingFlags(command: Command): void {
  for (const [, spec] of ALL_SETTINGS) {
    if (spec.flag !== undefined) {
      command.addOption(new Option(syntaxOf(spec.flag, takes(spec)), helpOf(spec)));
    }
  }
  for (const { flag, takes: kind } of UNSUPPORTED_SETTINGS) {
    if (flag !== undefined) command.addOption(new Option(syntaxOf(flag, kind)).hideHelp());
  }
  for (const alias of Object.keys(ALIASES)) {
    const kind = alias === 'multiHop' ? 'bool' : 'value';
    command.addOption(new Option(syntaxOf(alias, kind)).hideHelp());
  }
}

/** Flags as kube-vip's pages spell some of them -> as its program does. */
const ALIASES = {
  servicesInterface: 'serviceInterface',
  multiHop: 'multihop',
  sourceif: 'sourceIF',
  sourceip: 'sourceIP',
} as const;

/** Flags of {@link addSettingFlags} that were given, by the names of the schema. */
export function settingFlagsOf(command: Command): Readonly<Record<string, string>> {
  const flags = { ...flagsOf(command) };
  for (const [alias, flag] of Object.entries(ALIASES)) {
    const text = flags[alias];
    delete flags[alias];
    if (text !== undefined) flags[flag] ??= text;
  }
  return flags;
}

function helpOf({ help, value: { defaultText, allowed, unit, kind }, env }: SettingSpec): string {
  const values = kind === 'bool' ? [] : [unit === undefined ? allowed : `${allowed} ${unit}`];
  const usual = defaultText === '' ? [] : [`default: ${defaultText}`];
  return [help, ...[...values, ...usual].map((part) => `(${part})`), `[$${env}]`].join(' ');
}

function syntaxOf(flag: string, kind: 'bool' | 'value'): string {
  const short = flag === 'namespace' ? '-n, ' : '';
  return `${short}--${flag} ${kind === 'bool' ? '[bool]' : '<value>'}`;
}
