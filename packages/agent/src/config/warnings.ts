// SPDX-License-Identifier: Apache-2.0
import { nearestWord } from '@fairlead/shared/runtime/nearest-word.ts';
import {
  type GivenSetting,
  HIDDEN,
  type SettingName,
  type SettingsReader,
} from '@fairlead/shared/runtime/settings.ts';
import { ALL_SETTINGS } from './names.ts';
import type { SettingInputs } from './setting-inputs.ts';
import { UNSUPPORTED_SETTINGS, type UnsupportedSetting } from './unsupported.ts';

/** A warning about one setting. */
export interface SettingWarning {
  /** As it was given: `bgp_enable`, `--bgp` or `agent.yaml:3: enableBGP`. */
  readonly setting: string;
  readonly received: string;
  /** What is wrong, and which line to change. */
  readonly message: string;
}

/** The line that a user has to find, as it stands where it was given. */
export function lineOf({ source, setting }: GivenSetting): string {
  if (source === 'environment') return `"- name: ${setting}" and its value in the container's env`;
  return source === 'flag' ? `the argument ${setting}` : `the line ${setting}`;
}

/** Which of {@link UNSUPPORTED_SETTINGS} were given with a value that asks for something. Pure. */
export function unsupportedGiven(reader: SettingsReader): readonly SettingWarning[] {
  return UNSUPPORTED_SETTINGS.flatMap((spec) => {
    const { feature, harmless = [], secret } = spec;
    const given = reader.given(namesOf(spec));
    if (given === undefined || given.text === '' || harmless === 'any') return [];
    if (harmless.includes(given.text.toLowerCase())) return [];
    return [
      {
        setting: given.setting,
        received: secret === true ? HIDDEN : given.text,
        message: `${feature} is not supported yet; the setting is ignored. Take out ${lineOf(given)}`,
      },
    ];
  });
}

function namesOf({ env, flag, file }: UnsupportedSetting): SettingName {
  const key = file ?? env ?? flag;
  return {
    ...(env === undefined ? {} : { env }),
    ...(flag === undefined ? {} : { flag }),
    ...(key === undefined ? {} : { file: key }),
  };
}

/** How names begin that can only be meant for us; what else is in an environment is none of our business. */
const OUR_PREFIX =
  /^(vip|svc|cp|lb|bgp|mpbgp|dhcp|dns|egress|zebra|fairlead|control_plane_health_check|prometheus|enable|disable|health_check|backend_health_check|k8s|per_service_election)_/;

const KNOWN_NAMES: readonly string[] = [
  ...ALL_SETTINGS.map(([, { env }]) => env),
  ...UNSUPPORTED_SETTINGS.flatMap(({ env }) => env ?? []),
];
const KNOWN_SET: ReadonlySet<string> = new Set(KNOWN_NAMES);
const KNOWN_KEYS: readonly string[] = [
  ...ALL_SETTINGS.map(([, { file }]) => file),
  ...UNSUPPORTED_SETTINGS.flatMap(({ file }) => file ?? []),
];

/** More is not compared: an environment may hold thousands of names that are not meant for us. */
const MAX_COMPARED = 20;

/** Names that look like settings and are none, with what may have been meant. Pure. */
export function unknownGiven({ env, file }: SettingInputs): readonly SettingWarning[] {
  const names = Object.keys(env)
    .filter((name) => !KNOWN_SET.has(name) && (OUR_PREFIX.test(name) || isInCapitals(name, env[name])))
    .slice(0, MAX_COMPARED);
  return [
    ...names.map((name) => ({
      setting: name,
      received: HIDDEN,
      message: `no setting has this name, so it does nothing. ${advice(name, KNOWN_NAMES, `"- name: ${name}"`)}`,
    })),
    ...(file?.unknown ?? []).slice(0, MAX_COMPARED).map(({ key, place }) => ({
      setting: place,
      received: HIDDEN,
      message: `no setting has this name, so it does nothing. ${advice(key, KNOWN_KEYS, `the line ${place}`)}`,
    })),
  ];
}

/** A setting of ours in capitals. The kubelet writes such names, too, for a Service called `lb`: `LB_PORT=tcp://…`. */
function isInCapitals(name: string, text = ''): boolean {
  const small = name.toLowerCase();
  return OUR_PREFIX.test(small) && KNOWN_SET.has(small) && !/^(tcp|udp|sctp):/.test(text);
}

function advice(name: string, known: readonly string[], line: string): string {
  const near = known.includes(name.toLowerCase()) ? name.toLowerCase() : nearestWord(name, known);
  return near === undefined ? `Take out ${line}` : `Did you mean ${near}? Change ${line}`;
}
