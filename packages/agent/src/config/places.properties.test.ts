// SPDX-License-Identifier: Apache-2.0
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readConfigFile } from './config-file.ts';
import { type EffectiveSetting, effectiveSettings } from './effective.ts';
import { ALL_SETTINGS, SETTINGS } from './names.ts';
import type { SettingSpec } from './schema/setting.ts';
import type { SettingInputs } from './setting-inputs.ts';
import { type AgentSettings, readSettings } from './settings.ts';

/*
 * One schema: whatever can be said, it means the same in the environment, as a flag and in the file, and what counts is said in the
 * place that comes first.
 */

/** Some values of settings with a grammar of their own. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  nodeName: ['Node-1', 'n'],
  interface: ['eth0', 'eth0,eth1'],
  servicesInterface: ['auto', 'bond0.7'],
  leaseNamespace: ['infra'],
  kubeconfig: ['/k'],
  apiServer: ['https://192.0.2.1:6443', '192.0.2.1'],
  prometheusServer: [':1', '[::1]:80'],
  healthCheckPort: ['0', '1024'],
  logLevel: ['-4', '4', 'ERROR'],
  servicesNamespace: ['web'],
  className: ['a.b/c', 'other'],
  servicesLeaseName: ['x', 'y/x'],
  raftAddress: ['192.0.2.1', '2001:db8::1'],
  reformAfter: ['never', '60', '1m'],
  groupKeySecret: ['key'],
  groupKeyFile: ['/key'],
  controlPlaneAddress: ['192.0.2.9', 'a.example.org,2001:DB8::9'],
  vipAddress: ['192.0.2.8'],
  controlPlaneLeaseName: ['z'],
  controlPlaneHealthAddress: ['http://127.0.0.1:1/x'],
  controlPlaneHealthCa: ['/ca'],
};

function someValue(key: string, { value: { kind, allowed } }: SettingSpec): fc.Arbitrary<string> {
  if (kind === 'bool') return fc.constantFrom('true', 'FALSE', '1', 'f');
  if (kind === 'word') return fc.constantFrom(...allowed.split(', '));
  if (kind === 'text') return fc.constantFrom(...(TEXTS[key] ?? []));
  const [min = 0, max = 0] = allowed.split(' to ').map(Number);
  return fc.integer({ min: Math.ceil(min), max }).map(String);
}

interface Said {
  readonly spec: SettingSpec;
  readonly text: string;
}

/** A setting of every place, with a value that can be read. */
const said: fc.Arbitrary<Said> = fc.oneof(
  ...ALL_SETTINGS.filter(([key]) => key !== 'configFile').map(([key, spec]) =>
    someValue(key, spec).map((text) => ({ spec, text })),
  ),
);
const someSaid = fc.uniqueArray(said, { maxLength: 12, selector: ({ spec }) => spec.env });

const asEnv = (list: readonly Said[]) => Object.fromEntries(list.map(({ spec, text }) => [spec.env, text]));
const asFlags = (list: readonly Said[]) =>
  Object.fromEntries(list.flatMap(({ spec, text }) => (spec.flag === undefined ? [] : [[spec.flag, text]])));
const asFile = (list: readonly Said[]) =>
  readConfigFile('a.yaml', list.map(({ spec, text }) => `${spec.file}: ${JSON.stringify(text)}\n`).join(''));

/** What is made of it, without names of places: settings, or the problems. */
function outcomeOf(inputs: Omit<SettingInputs, 'hostName'>): unknown {
  try {
    const { warnings, ...settings }: AgentSettings = readSettings({ ...inputs, hostName: 'host' });
    return { settings, warned: warnings.length };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ received, expected }) => ({ received, expected }));
  }
}

const MODE = { vip_arp: 'true', svc_enable: 'true' };
const MODE_SAID: readonly Said[] = [
  { spec: SETTINGS.arp, text: 'true' },
  { spec: SETTINGS.services, text: 'true' },
];

it('means the same in each place', () => {
  fc.assert(
    fc.property(someSaid, (list) => {
      const others = list.filter(({ spec }) => !(spec.env in MODE));
      const withFlags = others.filter(({ spec }) => spec.flag !== undefined);
      expect(outcomeOf({ env: MODE, file: asFile(others) })).toEqual(
        outcomeOf({ env: { ...MODE, ...asEnv(others) } }),
      );
      expect(outcomeOf({ env: MODE, flags: asFlags(withFlags) })).toEqual(
        outcomeOf({ env: { ...MODE, ...asEnv(withFlags) } }),
      );
    }),
    { numRuns: 500, seed: 71 },
  );
});

it('counts where it comes first: environment, flags, file', () => {
  let usable = 0;
  fc.assert(
    fc.property(someSaid, someSaid, someSaid, (first, second, others) => {
      const third = [...MODE_SAID, ...others.filter(({ spec }) => !(spec.env in MODE))];
      const together = { env: asEnv(first), flags: asFlags(second), file: asFile(third) };
      const merged = { ...asEnv(third), ...asEnv(second.filter(({ spec }) => spec.flag)), ...asEnv(first) };
      expect(outcomeOf(together)).toEqual(outcomeOf({ env: merged }));
      const shown = effectiveOf(together);
      if (shown === undefined) return;
      usable += 1;
      const source = (setting: string) => shown.find((one) => one.setting === setting)?.source;
      for (const { spec } of first)
        if (spec.env !== 'vip_skipdad') expect(source(spec.env)).toBe('environment');
    }),
    { numRuns: 500, seed: 71 },
  );
  // Else it would be about problems alone.
  expect(usable).toBeGreaterThan(50);
});

function effectiveOf(inputs: Omit<SettingInputs, 'hostName'>): readonly EffectiveSetting[] | undefined {
  try {
    return effectiveSettings({ ...inputs, hostName: 'host' }).effective;
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return undefined;
  }
}
