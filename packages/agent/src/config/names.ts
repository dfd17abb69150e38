// SPDX-License-Identifier: Apache-2.0
import { CONTROL_PLANE_SETTINGS } from './schema/control-plane.ts';
import { DATA_PLANE_SETTINGS } from './schema/data-plane.ts';
import { ELECTION_SETTINGS } from './schema/election.ts';
import { GENERAL_SETTINGS } from './schema/general.ts';
import { SERVICE_SETTINGS } from './schema/services.ts';
import type { SettingSpec } from './schema/setting.ts';

/**
 * The schema: every setting that the manager understands. Flags, environment, configuration file, help and docs/configuration.md
 * all come from here. The names are a contract: the kind case study's DaemonSet runs unchanged.
 */
export const SETTINGS = {
  ...GENERAL_SETTINGS,
  ...SERVICE_SETTINGS,
  ...ELECTION_SETTINGS,
  ...CONTROL_PLANE_SETTINGS,
  ...DATA_PLANE_SETTINGS,
};

/** Name of a setting in our code. */
export type SettingKey = keyof typeof SETTINGS;

/** The schema by its parts, in the order of the reference. */
export const SETTING_SECTIONS: readonly {
  readonly title: string;
  readonly settings: Readonly<Record<string, SettingSpec>>;
}[] = [
  { title: 'General', settings: GENERAL_SETTINGS },
  { title: 'Services', settings: SERVICE_SETTINGS },
  { title: 'Who owns an address', settings: ELECTION_SETTINGS },
  { title: 'Control plane', settings: CONTROL_PLANE_SETTINGS },
  { title: 'Data plane', settings: DATA_PLANE_SETTINGS },
];

/** All settings, in the order of the reference. */
export const ALL_SETTINGS: readonly (readonly [string, SettingSpec])[] = SETTING_SECTIONS.flatMap(
  ({ settings }) => Object.entries(settings),
);
