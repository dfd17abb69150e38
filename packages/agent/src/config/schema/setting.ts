// SPDX-License-Identifier: Apache-2.0
import type { ValueType } from '@fairlead/shared/runtime/value-types.ts';

/** One setting: its names in the three places where it may be said, and what it may be. */
export interface SettingSpec<T = unknown> {
  /** As kube-vip spells it; names that begin with `fairlead_` are ours. */
  readonly env: string;
  /** Without dashes. */
  readonly flag?: string;
  /** Key of the configuration file: kube-vip's where it has one. */
  readonly file: string;
  readonly value: ValueType<T>;
  /** One line for help and reference. */
  readonly help: string;
  /** May hold credentials: never shown. */
  readonly secret?: true;
}

/** How a flag is given: Go flags of type bool may stand alone (`--arp`) or carry a value (`--arp=true`). */
export function takes(spec: SettingSpec): 'bool' | 'value' {
  return spec.value.kind === 'bool' ? 'bool' : 'value';
}
