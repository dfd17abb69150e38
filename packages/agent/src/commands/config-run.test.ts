// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { readConfigFile } from '../config/config-file.ts';
import type { SettingInputs } from '../config/setting-inputs.ts';
import { type ConfigRun, runConfig } from './config-run.ts';

const INPUTS: SettingInputs = {
  env: {
    vip_arp: 'TRUE',
    svc_enable: '1',
    vip_nodename: 'Worker-1',
    vip_leaseduration: '1m',
    vip_interface: '',
  },
  flags: { port: '7443', lbPort: '8443' },
  file: readConfigFile('/etc/agent.yaml', 'interface: eth0\nport: 1\nleaseName: own\n'),
  hostName: 'host',
};

function run(inputs: SettingInputs, options: Partial<ConfigRun> = {}) {
  const out: string[] = [];
  const complaints: string[] = [];
  const code = runConfig({
    what: 'show',
    json: false,
    inputs,
    write: (text) => out.push(text),
    complain: (text) => complaints.push(text),
    ...options,
  });
  return { code, out: out.join(''), complaints: complaints.join('') };
}

interface Shown {
  readonly ok: boolean;
  readonly problems: readonly unknown[];
  readonly warnings: readonly { readonly setting: string }[];
  readonly settings: readonly { readonly setting: string; readonly value: string }[];
}

function rowsOf(inputs: SettingInputs): Readonly<Record<string, unknown>> {
  const { settings } = JSON.parse(run(inputs, { json: true }).out) as Shown;
  return Object.fromEntries(settings.map(({ setting, ...row }) => [setting, row]));
}

describe('agent config show', () => {
  it('tells the value that counts and where it comes from, of every setting', () => {
    const rows = rowsOf(INPUTS);
    expect(rows).toMatchObject({
      vip_arp: { value: 'true', source: 'environment', given: 'vip_arp' },
      vip_nodename: { value: 'worker-1', source: 'environment' },
      vip_interface: { value: 'eth0', source: 'file', given: 'agent.yaml:1: interface' },
      vip_servicesinterface: { value: 'eth0', source: 'default' },
      port: { value: '7443', source: 'flag', given: '--port' },
      vip_leaseduration: { value: '60', source: 'environment', unit: 's' },
      vip_renewdeadline: { value: '10', source: 'default', unit: 's' },
      svc_leasename: { value: 'kube-system/plndr-svcs-lock', source: 'default' },
      k8s_config_file: { value: '/etc/kubernetes/admin.conf', source: 'default' },
    });
    expect(Object.values(rows).every((row) => typeof (row as { value: unknown }).value === 'string')).toBe(
      true,
    );
  });

  it('shows what surroundings make of a setting', () => {
    const inPod = {
      ...INPUTS,
      tokenNamespace: 'infra',
      env: { ...INPUTS.env, KUBERNETES_SERVICE_HOST: '10.96.0.1', cp_namespace: 'other' },
    };
    expect(rowsOf(inPod)).toMatchObject({
      k8s_config_file: { value: 'service account', source: 'default' },
      cp_namespace: { value: 'infra', source: 'default' },
      svc_leasename: { value: 'infra/plndr-svcs-lock' },
    });
  });

  it('is a table for people, with warnings beside it', () => {
    const { code, out, complaints } = run({ ...INPUTS, env: { ...INPUTS.env, bgp_enable: 'true' } });
    expect(code).toBe(0);
    expect(out).toMatch(/^SETTING +VALUE +FROM\nvip_arp +true +environment\n/);
    expect(out).toMatch(/^port +7443 +flag \(--port\)$/m);
    expect(out).toMatch(/^vip_leaseduration +60 s +environment$/m);
    expect(complaints).toMatch(/^bgp_enable="true": BGP is not supported yet.*"- name: bgp_enable"/);
  });

  it('hides what may hold credentials', () => {
    const env = {
      ...INPUTS.env,
      bgp_peerpass: 'geheim',
      bgp_peers: '192.0.2.1:65000:geheim:false',
      kubernetes_addr: 'https://admin:geheim@192.0.2.1',
      control_plane_health_check_address: 'https://u:geheim@127.0.0.1/',
      k8s_config_file: 'https://u:geheim@host/file',
    };
    for (const what of ['show', 'check'] as const) {
      for (const json of [true, false]) {
        const { code, out, complaints } = run({ ...INPUTS, env }, { what, json });
        expect(code).toBe(0);
        expect(`${out}${complaints}`).not.toContain('geheim');
        expect(`${out}${complaints}`).toContain('(hidden)');
      }
    }
  });
});

describe('agent config check', () => {
  it('says what is wrong and ends with 1', () => {
    const inputs = { ...INPUTS, env: { ...INPUTS.env, vip_leaseduration: 'soon' } };
    const { code, out, complaints } = run(inputs, { what: 'check' });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(complaints).toContain('vip_leaseduration="soon": expected a duration');
    const json = JSON.parse(run(inputs, { what: 'check', json: true }).out) as Shown;
    expect(json).toMatchObject({ ok: false, problems: [{ setting: 'vip_leaseduration', received: 'soon' }] });
  });

  it('warns once of each unknown and dangerous setting, with the line to change, and ends with 0', () => {
    const env = {
      ...INPUTS.env,
      svc_elections: 'true',
      fairlead_minority: 'keep',
      fairlead_balance: 'nftables',
      fairlead_ipvs_scheduler: 'rr',
      SVC_SERVICE_HOST: '10.96.0.2',
      LB_PORT: 'tcp://10.96.0.3:80',
      SVC_LEASENAME: 'own',
      HOME: '/root',
    };
    const file = readConfigFile('a.yaml', 'interface: lo\nintrface: eth0\n');
    const { code, out } = run({ ...INPUTS, env, file }, { what: 'check' });
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines.slice(0, -1)).toEqual([
      expect.stringMatching(/^svc_elections=.*Did you mean svc_election\? Change "- name: svc_elections"/),
      expect.stringMatching(/^SVC_LEASENAME=.*Did you mean svc_leasename\? Change "- name: SVC_LEASENAME"/),
      expect.stringMatching(
        /^a\.yaml:2: intrface=.*Did you mean interface\? Change the line a\.yaml:2: intrface/,
      ),
      expect.stringMatching(/^fairlead_minority="keep": two nodes answer.*to: release$/),
      expect.stringMatching(
        /^a\.yaml:1: interface="lo": nobody hears.*Change the line a\.yaml:1: interface to: /,
      ),
      expect.stringMatching(
        /^fairlead_ipvs_scheduler="rr": no effect.*Take out "- name: fairlead_ipvs_scheduler"/,
      ),
    ]);
    expect(lines.at(-1)).toMatch(/^The manager starts with these settings: \d+ given/);
  });
});
