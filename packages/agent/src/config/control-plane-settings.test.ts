// SPDX-License-Identifier: Apache-2.0
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { describe, expect, it } from 'vitest';
import type { ControlPlaneSettings } from './control-plane-settings.ts';
import { readSettings } from './settings.ts';

type Texts = Readonly<Record<string, string>>;

const read = (env: Texts, flags: Texts = {}): ControlPlaneSettings | undefined =>
  readSettings({ env: { vip_arp: 'true', ...env }, flags, hostName: 'host' }).controlPlane;

function problemsOf(env: Texts): readonly string[] {
  try {
    read(env);
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ setting }) => setting);
  }
}

describe('readControlPlaneSettings', () => {
  it('takes what kube-vip generates for a control plane', () => {
    const generated = {
      port: '6443',
      vip_subnet: '32',
      cp_enable: 'true',
      cp_namespace: 'kube-system',
      svc_enable: 'true',
      svc_leasename: 'plndr-svcs-lock',
      vip_leaderelection: 'true',
      vip_leasename: 'plndr-cp-lock',
      address: '192.0.2.10',
    };
    expect(read(generated)).toEqual({
      isMember: true,
      addresses: ['192.0.2.10'],
      names: [],
      port: 6443,
      lease: { namespace: 'kube-system', name: 'plndr-cp-lock' },
      balance: undefined,
      healthCheck: undefined,
      backendIntervalMs: 1_000,
      detect: false,
    });
  });

  it.each([
    ['192.0.2.10, 2001:DB8::10', { addresses: ['192.0.2.10', '2001:db8::10'], names: [] }],
    ['k8s.example.org', { addresses: [], names: ['k8s.example.org'] }],
    ['192.0.2.10,192.0.2.10,k8s.example.org.', { addresses: ['192.0.2.10'], names: ['k8s.example.org'] }],
  ])('reads the address "%s"', (address, expected) => {
    expect(read({ cp_enable: 'true', address })).toMatchObject(expected);
  });

  it('knows the older name of the address, which the newer one replaces', () => {
    expect(read({ cp_enable: 'true', vip_address: '192.0.2.10' })?.addresses).toEqual(['192.0.2.10']);
    const both = read({ cp_enable: 'true', vip_address: '192.0.2.10', address: '192.0.2.11' });
    expect(both?.addresses).toEqual(['192.0.2.11']);
  });

  it('needs an address, and one that can be meant', () => {
    expect(problemsOf({ cp_enable: 'true' })).toEqual(['address']);
    expect(problemsOf({ cp_enable: 'true', vip_address: '' })).toEqual(['address']);
    for (const address of [',', '0.0.0.0', '192.0.2.300', 'kubernetes']) {
      expect(problemsOf({ cp_enable: 'true', address })).toEqual(['address']);
    }
  });

  it('knows the address also where it cannot be', () => {
    expect(read({ svc_enable: 'true', address: '192.0.2.10' })).toMatchObject({ isMember: false });
    expect(read({ svc_enable: 'true', vip_address: '' })).toBeUndefined();
  });

  it('needs another port where connections are spread in user space', () => {
    const base = {
      cp_enable: 'true',
      address: '192.0.2.10',
      lb_enable: 'true',
      fairlead_balance: 'userspace',
    };
    expect(problemsOf(base)).toEqual(['lb_port']);
    expect(problemsOf({ ...base, lb_port: '443' })).toEqual([]);
    expect(problemsOf({ ...base, lb_enable: 'false' })).toEqual([]);
  });

  it('spreads connections with lb_enable, by masquerading unless told otherwise', () => {
    const base = { cp_enable: 'true', address: '192.0.2.10', lb_enable: 'true' };
    expect(read(base)?.balance).toEqual({ port: 6443, method: 'masquerade' });
    expect(read({ ...base, lb_port: '443', lb_fwdmethod: 'local' })?.balance).toEqual({
      port: 443,
      method: 'local',
    });
    expect(problemsOf({ ...base, lb_fwdmethod: 'teleport', lb_port: '0' })).toEqual([
      'lb_port',
      'lb_fwdmethod',
    ]);
  });

  it('asks another URL, as patiently as kube-vip', () => {
    const base = { cp_enable: 'true', address: '192.0.2.10' };
    const url = { control_plane_health_check_address: 'https://127.0.0.1:6443/livez' };
    expect(read({ ...base, ...url })?.healthCheck).toEqual({
      url: new URL('https://127.0.0.1:6443/livez'),
      periodMs: 5_000,
      timeoutMs: 3_000,
      failureThreshold: 3,
      caFile: undefined,
    });
    expect(problemsOf({ ...base, control_plane_health_check_address: '127.0.0.1:6443' })).toEqual([
      'control_plane_health_check_address',
    ]);
  });

  it('runs without Services', () => {
    const env = { vip_arp: 'true', cp_enable: 'true', address: '192.0.2.10' };
    expect(readSettings({ env, hostName: 'host' }).services).toBe(false);
  });
});
