// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfigFile } from './config-file.ts';
import { ALL_SETTINGS } from './names.ts';
import { readSettings } from './settings.ts';
import { UNSUPPORTED_SETTINGS } from './unsupported.ts';

const read = (text: string, path = '/etc/fairlead/agent.yaml') => readConfigFile(path, text);
const namesOf = (list: readonly { readonly setting: string }[]) => list.map(({ setting }) => setting);

describe('readConfigFile', () => {
  it("reads kube-vip's keys, names of the environment and flags, in YAML and in JSON", () => {
    const yaml = read(
      'enableARP: true\nvip_interface: eth0\nleaseRenewDuration: 3s # flag\nLEASEDURATION: 5\n',
    );
    expect(yaml).toMatchObject({ problems: [], unknown: [] });
    expect(yaml.values).toEqual({
      enableARP: { text: 'true', place: 'agent.yaml:1: enableARP' },
      interface: { text: 'eth0', place: 'agent.yaml:2: vip_interface' },
      renewDeadline: { text: '3s', place: 'agent.yaml:3: leaseRenewDuration' },
      leaseDuration: { text: '5', place: 'agent.yaml:4: LEASEDURATION' },
    });
    const json = read(
      '{\n\t"enableARP": true,\n\t"port": 7443,\n\t"controlPlaneHealthCheck": {"periodSeconds": 2}\n}',
      'a.json',
    );
    expect(json.values).toMatchObject({
      enableARP: { text: 'true' },
      port: { text: '7443', place: 'a.json:3: port' },
      'controlPlaneHealthCheck.periodSeconds': { text: '2' },
    });
  });

  it('takes lists, and nothing for what is empty', () => {
    expect(read('address: [192.0.2.1, k8s.example.org]\ninterface:\nnamespace: ""\nvip: ~\n').values).toEqual(
      {
        address: { text: '192.0.2.1,k8s.example.org', place: 'agent.yaml:1: address' },
      },
    );
    expect(read('')).toEqual({ values: {}, unknown: [], problems: [] });
    expect(read('# nothing yet\n')).toEqual({ values: {}, unknown: [], problems: [] });
  });

  it.each([
    ['port: 1\n  x: 2\n', /^agent\.yaml:\d+: YAML$/],
    ['port: [1, 2', /^agent\.yaml:\d+: YAML$/],
    ['port: 1\nport: 2\n', 'agent.yaml:2: YAML'],
    ['port: 1\nvip_arp: true\nenableARP: true\n', 'agent.yaml:3: enableARP'],
    ['port: {deep: 1}', 'agent.yaml:1: port.deep'],
    ['port: [{a: 1}]', 'agent.yaml:1: port'],
    ['interface: &a eth0\nservicesInterface: *a\n', 'agent.yaml:2: servicesInterface'],
    ['- a\n- b\n', 'config_file'],
    ['just words', 'config_file'],
    ['a\0b', 'config_file'],
  ])('says what is wrong with %j', (text, setting) => {
    const { problems } = read(text);
    expect(namesOf(problems)).toContainEqual(
      typeof setting === 'string' ? setting : expect.stringMatching(setting),
    );
  });

  it('wants to know the format by the end of the name', () => {
    expect(namesOf(read('port: 1', '/etc/agent.conf').problems)).toEqual(['config_file']);
  });

  it('never throws, whatever the file holds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.json()), (text) => {
        const { values, problems } = read(text);
        expect(Object.values(values).every(({ place }) => place.startsWith('agent.yaml:'))).toBe(true);
        expect(problems.every(({ setting }) => setting !== '')).toBe(true);
      }),
      { numRuns: 300, seed: 71 },
    );
  });
});

describe('precedence', () => {
  const file = read(
    'enableARP: true\nenableServices: true\nleaseDuration: 30\nrenewDeadline: 20\nport: 7001\n',
  );
  const inputs = { file, hostName: 'host' };

  it('environment, then flags, then file, then default; each setting by itself', () => {
    const settings = readSettings({
      ...inputs,
      env: { vip_leaseduration: '40', port: '7003', cp_enable: 'true', address: '192.0.2.1' },
      flags: { port: '7002', leaseRenewDuration: '25', leaseDuration: '35' },
    });
    expect(settings).toMatchObject({
      services: true,
      leaseDurationMs: 40_000,
      renewDeadlineMs: 25_000,
      retryPeriodMs: 2_000,
      controlPlane: { port: 7003 },
    });
    // An empty variable says nothing.
    expect(readSettings({ ...inputs, env: { vip_leaseduration: '' } }).leaseDurationMs).toBe(30_000);
  });

  it('names file, line and key in problems and warnings', () => {
    const bad = read(
      'enableARP: true\nenableServices: ja\nenableBGP: true\nenableServicesElektion: true\nbgpPeers: [a]\n',
    );
    expect(() => readSettings({ env: {}, hostName: 'host', file: bad })).toThrow(
      'agent.yaml:2: enableServices="ja": expected true or false',
    );
    const { warnings } = readSettings({ env: { svc_enable: 'true' }, hostName: 'host', file: bad });
    expect(namesOf(warnings)).toEqual([
      'agent.yaml:3: enableBGP',
      'agent.yaml:5: bgpPeers',
      'agent.yaml:4: enableServicesElektion',
    ]);
    expect(warnings.at(-1)?.message).toContain('Did you mean enableServicesElection?');
  });
});

it('has one meaning for each name, in any place and spelling', () => {
  const meanings = new Map<string, Set<string>>();
  const specs = [...ALL_SETTINGS.map(([, spec]) => spec), ...UNSUPPORTED_SETTINGS];
  for (const [index, { env, flag, file }] of specs.entries()) {
    for (const name of [env, flag, file]) {
      if (name === undefined) continue;
      const key = name.toLowerCase();
      meanings.set(key, (meanings.get(key) ?? new Set()).add(`${index}`));
    }
  }
  const ambiguous = [...meanings].filter(([, indexes]) => indexes.size > 1).map(([name]) => name);
  // The peer reads these two in capitals as well; both do nothing here.
  expect(ambiguous.sort()).toEqual(['egress_clean', 'instance_name']);
});
