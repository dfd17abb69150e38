// SPDX-License-Identifier: Apache-2.0
import type { FileValue, SettingProblem } from '@fairlead/shared/runtime/settings.ts';

/** A key that is neither ours nor kube-vip's. */
export interface UnknownKey {
  readonly key: string;
  /** For example `agent.yaml:3: interfce`. */
  readonly place: string;
}

/** What a configuration file says. */
export interface ConfigFile {
  /** By the schema's keys (`SettingSpec.file`). */
  readonly values: Readonly<Record<string, FileValue>>;
  readonly unknown: readonly UnknownKey[];
  readonly problems: readonly SettingProblem[];
}

/** Where settings come from. What the environment says wins over flags, and these over the file. */
export interface SettingInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags that were given, by long name. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Undefined: there is none. */
  readonly file?: ConfigFile;
  readonly hostName: string;
  /** Namespace of the service account token, where there is one: the Leases live there, as the peer's do. */
  readonly tokenNamespace?: string;
}
