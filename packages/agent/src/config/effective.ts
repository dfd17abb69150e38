// SPDX-License-Identifier: Apache-2.0
import { type GivenSetting, HIDDEN } from '@fairlead/shared/runtime/settings.ts';
import { redacted } from '../status/redact.ts';
import type { LeaseName } from './lease-name.ts';
import { ALL_SETTINGS } from './names.ts';
import type { SettingSpec } from './schema/setting.ts';
import type { SettingInputs } from './setting-inputs.ts';
import { type AgentSettings, readSettings, settingsReader } from './settings.ts';

/** A setting with the value that counts, and where that comes from. */
export interface EffectiveSetting {
  /** Name in the environment. */
  readonly setting: string;
  /** As a user would write it; empty: none. Credentials are not shown. */
  readonly value: string;
  readonly source: GivenSetting['source'] | 'default';
  /** Name under which it was given, for example `--port` or `agent.yaml:3: port`; undefined for a default. */
  readonly given: string | undefined;
  /** What a bare number counts. */
  readonly unit: 's' | 'ms' | undefined;
}

/**
 * Reads all settings, and says of each where its value comes from. Pure.
 *
 * @throws SettingsError with every problem at once.
 */
export function effectiveSettings(inputs: SettingInputs): {
  readonly settings: AgentSettings;
  readonly effective: readonly EffectiveSetting[];
} {
  const settings = readSettings(inputs);
  const reader = settingsReader(inputs);
  const effective = ALL_SETTINGS.map(([key, spec]): EffectiveSetting => {
    const given = COUNTS_NOT[key]?.(inputs) === true ? undefined : reader.given(spec);
    const value =
      DERIVED[key]?.(settings) ?? (given === undefined ? spec.value.defaultText : shown(spec, given));
    return {
      setting: spec.env,
      value: spec.secret === true && given !== undefined ? HIDDEN : redacted(value),
      source: given?.source ?? 'default',
      given: given?.setting,
      unit: spec.value.unit,
    };
  });
  return { settings, effective };
}

/** Settings whose value follows from more than what was said. */
const DERIVED: Readonly<Record<string, (settings: AgentSettings) => string | undefined>> = {
  nodeName: ({ nodeName }) => nodeName,
  servicesInterface: ({ servicesInterface, interface: link }) => servicesInterface ?? link,
  announceInterval: ({ announceIntervalMs }) => `${announceIntervalMs}`,
  leaseNamespace: ({ groupNamespace }) => groupNamespace,
  kubeconfig: ({ kubeconfig, inCluster }) => (inCluster ? 'service account' : kubeconfig),
  servicesLeaseName: ({ servicesLease }) => nameOf(servicesLease),
  controlPlaneLeaseName: ({ controlPlane }) =>
    controlPlane === undefined ? undefined : nameOf(controlPlane.lease),
  className: ({ classRule }) => classRule.name,
  dhcpAttempts: ({ dhcpAttempts }) => `${dhcpAttempts}`,
  skipDad: () => 'true',
  raftGrant: ({ raft }) => `${raft.timing.grantMs}`,
};

/** Settings that say nothing in some surroundings. */
const COUNTS_NOT: Readonly<Record<string, (inputs: SettingInputs) => boolean>> = {
  leaseNamespace: ({ tokenNamespace }) => tokenNamespace !== undefined,
  skipDad: () => true,
};

/** What was said, in one form: capitals, units and spellings of true are the reader's business. */
function shown({ value: { parse, kind, unit } }: SettingSpec, { text }: GivenSetting): string {
  const outcome = parse(text);
  const value = outcome.ok ? outcome.value : text;
  if (kind === 'duration' && typeof value === 'number') return `${unit === 's' ? value / 1_000 : value}`;
  return typeof value === 'object' || value === undefined ? text : String(value);
}

function nameOf({ namespace, name }: LeaseName): string {
  return `${namespace}/${name}`;
}
