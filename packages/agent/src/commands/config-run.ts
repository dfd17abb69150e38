// SPDX-License-Identifier: Apache-2.0
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { type EffectiveSetting, effectiveSettings } from '../config/effective.ts';
import type { SettingInputs } from '../config/setting-inputs.ts';
import type { SettingWarning } from '../config/warnings.ts';

/** What {@link runConfig} needs. */
export interface ConfigRun {
  readonly what: 'check' | 'show';
  readonly json: boolean;
  readonly inputs: SettingInputs;
  /** Where a variable of the environment stands, for example `kube-vip.yaml:57`; undefined: nobody knows. */
  readonly placeOf?: ((variable: string) => string | undefined) | undefined;
  readonly write: (text: string) => void;
  readonly complain: (text: string) => void;
}

/** Looks at the settings, prints, and returns the exit code: 0 when the manager would start with them, else 1. */
export function runConfig({ what, json, inputs, placeOf, write, complain }: ConfigRun): number {
  const placed = <T extends { readonly setting: string }>(list: readonly T[]): readonly T[] =>
    list.map((one) => {
      const place = placeOf?.(one.setting);
      return place === undefined ? one : { ...one, setting: `${place}: ${one.setting}` };
    });
  try {
    const { settings, effective } = effectiveSettings(inputs);
    const warnings = placed(settings.warnings);
    if (json) {
      const report = {
        ok: true,
        problems: [],
        warnings,
        ...(what === 'show' ? { settings: effective } : {}),
      };
      write(`${JSON.stringify(report, undefined, 2)}\n`);
    } else if (what === 'show') {
      write(tableOf(effective));
      complain(warningLines(warnings));
    } else {
      const given = effective.filter(({ source }) => source !== 'default').length;
      write(
        `${warningLines(warnings)}The manager starts with these settings: ${given} given, all others as usual.\n`,
      );
    }
    return 0;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const { problems, message } = new SettingsError(placed(error.problems));
    if (json) write(`${JSON.stringify({ ok: false, problems, warnings: [] }, undefined, 2)}\n`);
    else complain(`${message}\n`);
    return 1;
  }
}

function warningLines(warnings: readonly SettingWarning[]): string {
  return warnings.map(({ setting, received, message }) => `${setting}="${received}": ${message}\n`).join('');
}

function tableOf(effective: readonly EffectiveSetting[]): string {
  const rows = [
    ['SETTING', 'VALUE', 'FROM'],
    ...effective.map(({ setting, value, source, given, unit }) => [
      setting,
      value === '' ? '-' : /^\d/.test(value) && unit !== undefined ? `${value} ${unit}` : value,
      given === undefined || given === setting ? source : `${source} (${given})`,
    ]),
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
