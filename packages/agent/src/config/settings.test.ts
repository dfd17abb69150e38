// SPDX-License-Identifier: Apache-2.0
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addSettingFlags } from '../commands/flags.ts';
import { usualForwarding } from './ipvs-settings.ts';
import { parseLeaseName } from './lease-name.ts';
import { SETTINGS } from './names.ts';
import { parseListen } from './parsers.ts';
import { readSettings } from './settings.ts';
import { UNSUPPORTED_SETTINGS } from './unsupported.ts';

/** The environment of the kind case study's DaemonSet, as it arrives in the process. */
const CASE_STUDY = {
  vip_arp: 'true',
  port: '6443',
  vip_nodename: 'Worker-1',
  vip_interface: 'eth0',
  dns_mode: 'first',
  svc_enable: 'true',
  svc_leasename: 'plndr-svcs-lock',
  vip_address: '',
  prometheus_server: ':2112',
  svc_election: 'true',
};

const read = (env: Readonly<Record<string, string>>, flags: Readonly<Record<string, string>> = {}) =>
  readSettings({ env, flags, hostName: 'host' });

function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    read(env);
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ setting }) => setting);
  }
}

describe('readSettings', () => {
  it('takes the environment of the case study unchanged', () => {
    expect(read(CASE_STUDY)).toMatchObject({
      nodeName: 'worker-1',
      interface: 'eth0',
      servicesInterface: undefined,
      servicesNamespace: undefined,
      election: 'perService',
      servicesLease: { namespace: 'kube-system', name: 'plndr-svcs-lock' },
      leaseDurationMs: 15_000,
      renewDeadlineMs: 10_000,
      retryPeriodMs: 2_000,
      statusServer: { host: '', port: 2112 },
      balance: 'none',
      warnings: [],
    });
  });

  it.each([
    [{}, 'global'],
    [{ per_service_election_on_demand: 'true' }, 'onDemand'],
    [{ svc_election: 'true', per_service_election_on_demand: 'true' }, 'perService'],
  ])('elects with %j: %s', (env, election) => {
    expect(read({ vip_arp: 'true', svc_enable: 'true', ...env }).election).toBe(election);
  });

  it('takes the faster timings', () => {
    const fast = { vip_leaseduration: '5', vip_renewdeadline: '3', vip_retryperiod: '1' };
    expect(read({ ...CASE_STUDY, ...fast })).toMatchObject({
      leaseDurationMs: 5_000,
      renewDeadlineMs: 3_000,
      retryPeriodMs: 1_000,
    });
  });

  it('lets the environment win over flags, and flags over defaults', () => {
    const settings = read(CASE_STUDY, { interface: 'eth9', serviceInterface: 'auto', leaseDuration: '20' });
    expect(settings).toMatchObject({ interface: 'eth0', servicesInterface: 'auto', leaseDurationMs: 20_000 });
  });

  it('reports all problems at once', () => {
    const wrong = {
      ...CASE_STUDY,
      vip_arp: 'yes',
      port: '0',
      svc_leasename: 'Not A Name',
      vip_leaseduration: '5',
      vip_renewdeadline: '5',
      health_check_port: '80',
      vip_loglevel: 'loud',
      fairlead_balance: 'magic',
    };
    expect([...problemsOf(wrong)].sort()).toEqual(
      [
        'fairlead_balance',
        'health_check_port',
        'port',
        'svc_leasename',
        'vip_arp',
        'vip_loglevel',
        'vip_renewdeadline',
      ].sort(),
    );
  });

  it('refuses to run without a mode or a job, as kube-vip does', () => {
    expect(problemsOf({})).toEqual(['vip_arp', 'svc_enable']);
  });

  it('refuses timings with which one lost renewal costs the address', () => {
    expect(problemsOf({ ...CASE_STUDY, vip_retryperiod: '9' })).toEqual(['vip_retryperiod']);
  });

  it('warns once of each known setting that does nothing yet, and ignores unknown ones', () => {
    const { warnings } = read(
      { ...CASE_STUDY, bgp_enable: 'true', cp_enable: 'false', enable_upnp: 'true', NO_SUCH: 'x' },
      { lbPort: '6443', bgppeers: '10.0.0.9:65000::false' },
    );
    expect(warnings.map(({ setting }) => setting)).toEqual(['bgp_enable', '--bgppeers', 'enable_upnp']);
  });

  it('reads the class rules, with the one setting that may be emptied on purpose', () => {
    expect(read(CASE_STUDY).classRule).toEqual({
      handling: 'legacy',
      name: 'kube-vip.io/kube-vip-class',
      classOnly: false,
    });
    const modern = read({ ...CASE_STUDY, lb_class_legacy_handling: 'false', lb_class_name: '' });
    expect(modern.classRule).toEqual({ handling: 'modern', name: '', classOnly: false });
  });

  it('finds the API server as the peers do', () => {
    const inPod = { ...CASE_STUDY, KUBERNETES_SERVICE_HOST: '10.96.0.1' };
    expect(readSettings({ env: inPod, hostName: 'host', tokenNamespace: 'kube-system' })).toMatchObject({
      inCluster: true,
    });
    const inStaticPod = read(inPod);
    expect(inStaticPod).toMatchObject({ inCluster: false, kubeconfig: '/etc/kubernetes/admin.conf' });
    expect(read(CASE_STUDY)).toMatchObject({ inCluster: false, kubeconfig: '/etc/kubernetes/admin.conf' });
    expect(read({ ...CASE_STUDY, KUBECONFIG: '/k' })).toMatchObject({ kubeconfig: '/k' });
    const explicit = read({ ...CASE_STUDY, KUBERNETES_SERVICE_HOST: '10.96.0.1', k8s_config_file: '/x' });
    expect(explicit).toMatchObject({ inCluster: false, kubeconfig: '/x' });
  });

  it.each([
    ['-4', 'debug'],
    ['0', 'info'],
    ['4', 'warn'],
    ['8', 'error'],
    ['debug', 'debug'],
  ])('reads log level %s', (vip_loglevel, level) => {
    expect(read({ ...CASE_STUDY, vip_loglevel }).logLevel).toBe(level);
  });

  it('takes what kube-vip says of links and duplicates, without a word about what is so anyway', () => {
    const settings = read({
      ...CASE_STUDY,
      vip_skipdad: 'true',
      vip_interfaceloglobal: 'true',
      vip_subnet: 'auto,auto',
      vip_allow_interface_not_up: 'true',
      vip_loseleadership: '30',
      vip_loseleadership_timeout_seconds: '5',
    });
    expect(settings.loGlobalScope).toBe(true);
    expect(settings.warnings).toEqual([]);
    expect(read({ ...CASE_STUDY, vip_subnet: '24' }).warnings.map(({ setting }) => setting)).toEqual([
      'vip_subnet',
    ]);
  });

  it('switches the status server off by the flag only', () => {
    const { prometheus_server: _left, ...without } = CASE_STUDY;
    expect(read(without, { prometheusHTTPServer: '' }).statusServer).toBeUndefined();
    expect(read({ ...CASE_STUDY, prometheus_server: '' }).statusServer).toEqual({ host: '', port: 2112 });
  });
});

it('names every setting once', () => {
  const envs = [...Object.values(SETTINGS), ...UNSUPPORTED_SETTINGS].flatMap(({ env }) => env ?? []);
  expect(new Set(envs).size).toBe(envs.length);
});

it('takes every flag of kube-vip', () => {
  const command = new Command().exitOverride();
  addSettingFlags(command);
  const flags = UNSUPPORTED_SETTINGS.flatMap(({ flag, takes }) =>
    flag === undefined ? [] : takes === 'bool' ? [`--${flag}`] : [`--${flag}`, '1'],
  );
  command.parse(['--arp', '--services=true', '-n', 'kube-system', ...flags], { from: 'user' });
  expect(command.opts()).toMatchObject({ arp: true, services: 'true', namespace: 'kube-system' });
});

describe('small grammars', () => {
  it.each([
    [':2112', { host: '', port: 2112 }],
    ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['', undefined],
  ])('listens on "%s"', (text, value) => expect(parseListen(text)).toEqual({ ok: true, value }));
  it.each(['2112', ':99999', '::1:80', 'x:y'])('does not listen on "%s"', (text) =>
    expect(parseListen(text).ok).toBe(false),
  );
  it('reads Lease names', () => {
    expect(parseLeaseName('a', 'ns')).toEqual({ ok: true, value: { namespace: 'ns', name: 'a' } });
    expect(parseLeaseName('other/a', 'ns')).toEqual({ ok: true, value: { namespace: 'other', name: 'a' } });
    for (const text of ['', '/', 'a/b/c', 'A', '-a']) expect(parseLeaseName(text, 'ns').ok).toBe(false);
  });
});

describe('settings of IPVS', () => {
  const ipvs = (env: Readonly<Record<string, string>>) =>
    read({ ...CASE_STUDY, fairlead_balance: 'ipvs', ...env });

  it("takes kube-vip's words for its ways, and the kernel's for its schedulers", () => {
    expect(ipvs({})).toMatchObject({
      balance: 'ipvs',
      ipvs: { forwarding: undefined, scheduler: undefined },
    });
    const said = { fairlead_ipvs_forwarding: 'directroute', fairlead_ipvs_scheduler: 'sed' };
    expect(ipvs(said).ipvs).toEqual({ forwarding: 'directRoute', scheduler: 'sed' });
    expect(ipvs({ fairlead_ipvs_forwarding: 'masquerade' }).ipvs.forwarding).toBe('nat');
    expect(
      problemsOf({ ...CASE_STUDY, fairlead_ipvs_forwarding: 'gre', fairlead_ipvs_scheduler: 'fastest' }),
    ).toEqual(['fairlead_ipvs_forwarding', 'fairlead_ipvs_scheduler']);
  });

  it('counts for IPVS alone', () => {
    const said = { fairlead_ipvs_forwarding: 'tunnel' };
    expect(usualForwarding(ipvs(said))).toBe('tunnel');
    expect(usualForwarding(ipvs({}))).toBe('nat');
    expect(usualForwarding(read({ ...CASE_STUDY, ...said, fairlead_forwarding: 'dsr' }))).toBe('dsr');
  });
});
