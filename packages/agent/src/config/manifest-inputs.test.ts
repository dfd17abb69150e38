// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addSettingFlags, settingFlagsOf } from '../commands/flags.ts';
import { inputsFromManifest } from './manifest-inputs.ts';
import { readSettings } from './settings.ts';

const ROOT = new URL('../../../../', import.meta.url);

function settingsOf(file: string) {
  const { inputs, args } = inputsFromManifest(file, readFileSync(new URL(file, ROOT), 'utf8'));
  const command = new Command().exitOverride();
  addSettingFlags(command);
  command.parse([...args], { from: 'user' });
  return readSettings({ ...inputs, flags: settingFlagsOf(command) });
}

describe('inputsFromManifest', () => {
  it.each([
    ['test/e2e/manifests/kube-vip.yaml', { election: 'perService', interface: 'eth0', inCluster: true }],
    ['test/e2e/manifests/kube-vip-control-plane.yaml', { controlPlane: { addresses: ['192.0.2.10'] } }],
    ['deploy/agent.yaml', { services: true, inCluster: true }],
    ['deploy/control-plane.yaml', { inCluster: false }],
    ['deploy/control-plane-daemonset.yaml', { inCluster: true }],
  ])('reads %s, in which nothing is to be changed', (file, expected) => {
    const settings = settingsOf(file);
    expect(settings).toMatchObject(expected);
    expect(settings.warnings).toEqual([]);
  });

  it('knows the line of each variable', () => {
    const text = [
      'kind: Pod',
      'spec:',
      '  containers:',
      '    - args: [manager, --port, "7443"]',
      '      env:',
      '        - name: vip_arp',
      '          value: "true"',
      '        - {name: port, value: 70000}',
    ].join('\n');
    const { inputs, args, placeOf } = inputsFromManifest('/a/pod.yaml', text);
    expect(inputs.env).toMatchObject({ vip_arp: 'true', port: '70000' });
    expect(inputs.tokenNamespace).toBeUndefined();
    expect(args).toEqual(['--port', '7443']);
    expect([placeOf('vip_arp'), placeOf('port'), placeOf('address')]).toEqual([
      'pod.yaml:6',
      'pod.yaml:8',
      undefined,
    ]);
  });

  it.each([
    '',
    'kind: Pod',
    '- a',
    'spec: {containers: [{args: [start]}]}',
    'a: [',
    '\0',
    'spec: {containers: 5}',
  ])('says that %j has no manager', (text) => {
    expect(() => inputsFromManifest('a.yaml', text)).toThrow(SettingsError);
  });
});
