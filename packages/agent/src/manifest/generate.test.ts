// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import type { DaemonSet, KubeObject, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readConfigFile } from '../config/config-file.ts';
import { readSettings } from '../config/settings.ts';
import { VERSION } from '../version.ts';
import { generate, type ManifestKind } from './generate.ts';

type Texts = Readonly<Record<string, string>>;

/** The command of the k3s case study. */
const CASE_STUDY: Texts = {
  interface: 'eth0',
  address: '192.0.2.10',
  inCluster: 'true',
  taint: 'true',
  controlplane: 'true',
  services: 'true',
  arp: 'true',
  leaderElection: 'true',
};

function podSpec(kind: ManifestKind, flags: Texts, env: Texts = {}) {
  const [object] = generate(kind, { env, flags }).objects;
  const spec =
    object?.kind === 'DaemonSet' ? (object as DaemonSet).spec?.template.spec : (object as Pod).spec;
  if (spec === undefined || spec === null) throw new Error('there is no Pod in the manifest');
  return spec;
}

const containerOf = (kind: ManifestKind, flags: Texts, env: Texts = {}) => {
  const [container] = podSpec(kind, flags, env).containers;
  if (container === undefined) throw new Error('there is no container in the manifest');
  return container;
};

function variables(kind: ManifestKind, flags: Texts, env: Texts = {}): readonly string[] {
  return (containerOf(kind, flags, env).env ?? []).map(
    ({ name, value, valueFrom }) => `${name}=${value ?? valueFrom?.fieldRef?.fieldPath}`,
  );
}

function problemsOf(kind: ManifestKind, flags: Texts, env: Texts = {}): readonly string[] {
  try {
    generate(kind, { env, flags });
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ setting }) => setting);
    throw error;
  }
  return [];
}

describe('the DaemonSet of the k3s case study', () => {
  it('has the environment of kube-vip’s, in its order', () => {
    expect(variables('daemonset', CASE_STUDY)).toEqual([
      'vip_arp=true',
      'port=6443',
      'vip_nodename=spec.nodeName',
      'vip_interface=eth0',
      'vip_subnet=32',
      'dns_mode=first',
      'dhcp_mode=ipv4',
      'cp_enable=true',
      'cp_namespace=kube-system',
      'svc_enable=true',
      'svc_leasename=plndr-svcs-lock',
      'vip_leaderelection=true',
      'vip_leasename=plndr-cp-lock',
      'vip_leaseduration=15',
      'vip_renewdeadline=10',
      'vip_retryperiod=2',
      'address=192.0.2.10',
      'prometheus_server=:2112',
    ]);
  });

  it('is what replaces kube-vip’s, on the nodes of the control plane, with the same account', () => {
    const { objects, warnings } = generate('daemonset', { env: {}, flags: CASE_STUDY });
    expect(warnings).toEqual([]);
    expect(objects).toMatchObject([
      {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: 'kube-vip-ds', namespace: 'kube-system' },
        spec: { selector: { matchLabels: { 'app.kubernetes.io/name': 'kube-vip-ds' } } },
      },
    ]);
    const spec = podSpec('daemonset', CASE_STUDY);
    expect(spec).toMatchObject({ hostNetwork: true, serviceAccountName: 'kube-vip' });
    expect(spec.volumes).toBeUndefined();
    expect(spec.tolerations).toEqual([
      { effect: 'NoSchedule', operator: 'Exists' },
      { effect: 'NoExecute', operator: 'Exists' },
    ]);
    const terms =
      spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    expect(terms?.map(({ matchExpressions }) => matchExpressions?.[0]?.key)).toEqual([
      'node-role.kubernetes.io/master',
      'node-role.kubernetes.io/control-plane',
    ]);
    expect(containerOf('daemonset', CASE_STUDY)).toMatchObject({
      name: 'kube-vip',
      image: `fairlead/agent:${VERSION}`,
      args: ['manager'],
      securityContext: { capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] } },
    });
  });

  it('goes to all nodes without --taint', () => {
    const { taint: _, ...flags } = CASE_STUDY;
    expect(podSpec('daemonset', flags).tolerations).toBeUndefined();
    expect(podSpec('daemonset', flags).affinity).toBeUndefined();
  });
});

describe('rights', () => {
  it('are those of the plain manifest', () => {
    const plain = readFileSync(new URL('../../../../deploy/agent.yaml', import.meta.url), 'utf8');
    const objects = parseAllDocuments(plain).map((document): KubeObject => document.toJS());
    const rights = objects.filter(({ kind }) => kind !== 'DaemonSet');
    expect(generate('rbac', { env: {}, flags: {} }).objects).toEqual(rights);
  });

  it('write on Nodes only when labels are asked for, and say where they end', () => {
    const nodes = (flags: Texts) =>
      JSON.stringify(generate('rbac', { env: {}, flags }).objects).includes(
        '"nodes"],"verbs":["get","list","watch","patch"]',
      );
    expect(nodes({})).toBe(false);
    expect(nodes({ enableNodeLabeling: 'true' })).toBe(true);
    const { warnings } = generate('rbac', { env: {}, flags: { role: 'true' } });
    expect(warnings.map(({ setting }) => setting)).toEqual(['--role']);
    expect(generate('rbac', { env: { svc_namespace: 'shop' }, flags: { role: 'true' } }).warnings).toEqual(
      [],
    );
  });
});

describe('a Pod without a service account', () => {
  const FLAGS: Texts = { arp: 'true', controlplane: 'true', address: '192.0.2.10' };

  it('has the kubeconfig of its host', () => {
    const spec = podSpec('pod', { ...FLAGS, k8sConfigPath: '/etc/kubernetes/super-admin.conf' });
    expect(spec.serviceAccountName).toBeUndefined();
    expect(spec.volumes).toMatchObject([{ hostPath: { path: '/etc/kubernetes/super-admin.conf' } }]);
    expect(spec.containers[0]?.volumeMounts).toMatchObject([{ mountPath: '/etc/kubernetes/admin.conf' }]);
    // In the container the file is where the agent looks by itself.
    expect(variables('pod', FLAGS).join()).not.toContain('k8s_config_file');
  });

  it('is asked for a link and an address when kubeadm is to have it', () => {
    expect(problemsOf('kubeadm', { arp: 'true', controlplane: 'true' })).toEqual([
      '--interface',
      '--address',
    ]);
    expect(problemsOf('kubeadm', { ...FLAGS, interface: 'eth0' })).toEqual([]);
  });
});

describe('settings', () => {
  const SERVICES: Texts = { arp: 'true', services: 'true' };

  it('that kube-vip’s generator forgets are carried behind its own', () => {
    const flags = {
      ...SERVICES,
      perServiceElectionOnDemand: 'true',
      lbClassName: 'example.org/class',
      log: '-4',
      leaseDuration: '20',
      egressWithNftables: 'false',
      engine: 'raft',
    };
    expect(variables('daemonset', flags).slice(9)).toEqual(
      expect.arrayContaining([
        'per_service_election_on_demand=true',
        'lb_class_name=example.org/class',
        'vip_loglevel=-4',
        'vip_leaseduration=20',
        'egress_withnftables=false',
        'fairlead_engine=raft',
      ]),
    );
  });

  it('of the environment count as they do for the manager', () => {
    const env = { vip_interface: 'eth1', svc_namespace: 'shop', vip_arpRate: '1000', prometheus_server: '' };
    const { objects } = generate('daemonset', { env, flags: { ...SERVICES, interface: 'eth0' } });
    expect(objects[0]?.metadata?.namespace).toBe('shop');
    const lines = variables('daemonset', { ...SERVICES, interface: 'eth0' }, env);
    expect(lines).toEqual(
      expect.arrayContaining([
        'vip_interface=eth1',
        'svc_namespace=shop',
        'vip_arpRate=1000',
        'prometheus_server=:2112',
      ]),
    );
  });

  it('of a configuration file count where nothing else is said, and the file is not needed any more', () => {
    const text = 'enableARP: true\nenableServices: true\ninterface: eth7\nleaseDuration: 33\nport: 7443\n';
    const file = readConfigFile('/tmp/agent.yaml', text);
    const sources = { env: {}, flags: { 'config-file': '/tmp/agent.yaml', port: '6444' }, file };
    const [object] = generate('pod', sources).objects;
    const lines = (object as Pod).spec?.containers[0]?.env?.map(({ name, value }) => `${name}=${value}`);
    expect(lines).toEqual(
      expect.arrayContaining(['vip_arp=true', 'vip_interface=eth7', 'vip_leaseduration=33', 'port=6444']),
    );
    expect(lines?.join()).not.toContain('config_file');
  });

  it('switch the status server and its probes off, or ask where it is', () => {
    const off = containerOf('daemonset', { ...SERVICES, prometheusHTTPServer: '' });
    expect(off.args).toEqual(['manager', '--prometheusHTTPServer=']);
    expect(off.livenessProbe).toBeUndefined();
    const local = containerOf('daemonset', { ...SERVICES, prometheusHTTPServer: '127.0.0.1:9' });
    expect(local.livenessProbe?.httpGet).toEqual({ path: '/livez', host: '127.0.0.1', port: 9 });
  });

  it('say 32 or 128 by the families of the addresses', () => {
    const subnet = (address: string, dnsMode = 'first') =>
      variables('pod', { ...SERVICES, address, dnsMode }).filter((line) => line.startsWith('vip_subnet'));
    expect(subnet('192.0.2.1')).toEqual(['vip_subnet=32']);
    expect(subnet('fd00::1')).toEqual(['vip_subnet=128']);
    expect(subnet('fd00::1,192.0.2.1')).toEqual(['vip_subnet=32,128']);
    expect(subnet('k8s.example.org')).toEqual(['vip_subnet=32']);
    expect(subnet('k8s.example.org', 'dual')).toEqual(['vip_subnet=32,128']);
    expect(subnet('k8s.example.org', 'ipv6')).toEqual(['vip_subnet=128']);
  });

  it('spread connections when they are asked to, unlike kube-vip’s default', () => {
    const flags = { ...SERVICES, controlplane: 'true', address: '192.0.2.1', enableLoadBalancer: 'true' };
    expect(variables('pod', flags)).toEqual(
      expect.arrayContaining(['lb_enable=true', 'lb_port=6443', 'lb_fwdmethod=masquerade']),
    );
  });

  it('that need more of the node have it readied before, and the agent has no more rights than ever', () => {
    const flags = { ...SERVICES, inCluster: 'true', balance: 'ipvs', prepare: 'ipvs, syn-proxy' };
    const spec = podSpec('daemonset', flags);
    expect(spec.initContainers).toMatchObject([
      {
        args: ['prepare', 'ipvs', 'syn-proxy', '--keep-going'],
        securityContext: { privileged: true },
        volumeMounts: [{ name: 'modules', mountPath: '/lib/modules', readOnly: true }],
      },
    ]);
    expect(spec.volumes).toEqual([
      { name: 'modules', hostPath: { path: '/lib/modules', type: 'Directory' } },
    ]);
    expect(spec.containers[0]?.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'] },
    });
    expect(podSpec('daemonset', { ...flags, prepare: 'nftables' }).volumes).toBeUndefined();
  });

  it('that cannot be used are named, all at once', () => {
    expect(problemsOf('pod', {})).toEqual(['vip_arp', 'svc_enable']);
    expect(problemsOf('pod', { bgp: 'true', services: 'true' })).toEqual(['vip_arp']);
    expect(problemsOf('pod', { arp: 'true', controlplane: 'true' })).toEqual(['address']);
    expect(problemsOf('pod', { ...SERVICES, leaseDuration: 'x', port: '0', image: 'a b' })).toEqual(
      expect.arrayContaining(['--image', '--leaseDuration', '--port']),
    );
    expect(problemsOf('daemonset', { ...SERVICES, taint: 'perhaps' })).toEqual(['--taint']);
    expect(problemsOf('daemonset', { ...SERVICES, prepare: 'nftables,wings' })).toEqual(['--prepare']);
    expect(problemsOf('rbac', { role: 'perhaps' }, { svc_namespace: 'A b' })).toEqual([
      '--role',
      'svc_namespace',
    ]);
  });

  it('without effect are told of', () => {
    const flags = { ...SERVICES, bgp: 'true', nodeName: 'one' };
    const { warnings } = generate('pod', { env: {}, flags });
    expect(warnings.map(({ setting }) => setting)).toEqual(['--bgp', 'vip_nodename']);
  });
});

/** Some values that can be used, by flag. */
const USABLE: Readonly<Record<string, readonly string[]>> = {
  interface: ['eth0', 'lo', 'bond0'],
  serviceInterface: ['eth1', 'auto'],
  servicesElection: ['true', 'false'],
  perServiceElectionOnDemand: ['true', 'false'],
  servicesLeaseName: ['mine', 'other/mine'],
  leaseName: ['cp', 'other/cp'],
  namespace: ['shop'],
  controlplane: ['true', 'false'],
  address: ['192.0.2.1', 'fd00::1', 'k8s.example.org', '192.0.2.1,fd00::1'],
  vip: ['192.0.2.2'],
  port: ['7443'],
  leaderElection: ['true', 'false'],
  leaseDuration: ['20', '30s'],
  leaseRenewDuration: ['12'],
  leaseRetry: ['3'],
  enableLoadBalancer: ['true', 'false'],
  lbPort: ['8443'],
  lbForwardingMethod: ['local', 'masquerade', 'tunnel'],
  autodetectcp: ['true'],
  dnsMode: ['dual', 'ipv6'],
  dhcpBackoffAttempts: ['0', '3', '7'],
  lbClassOnly: ['true', 'false'],
  lbClassName: ['example.org/x', ''],
  lbClassNameLegacyHandling: ['false'],
  onlyAllowTrafficServicePorts: ['true'],
  enableNodeLabeling: ['true'],
  disableServiceUpdates: ['true'],
  healthCheckPort: ['8080'],
  prometheusHTTPServer: ['', ':9', '127.0.0.1:9'],
  log: ['4', '-4'],
  loInterfaceGlobalScope: ['true'],
  controlPlaneHealthCheckAddress: ['https://127.0.0.1:6443/livez'],
  controlPlaneHealthCheckPeriodSeconds: ['7'],
  engine: ['raft', 'lease'],
  balance: ['nftables', 'ipvs'],
  forwarding: ['dsr'],
  'raft-port': ['7000'],
  minority: ['keep'],
};

/** The settings as the agent in a generated Pod reads them. */
function readInPod(kind: ManifestKind, flags: Texts) {
  const { env = [], args = [] } = containerOf(kind, flags);
  const texts = args.slice(1).map((arg) => {
    const [name = '', ...value] = arg.slice(2).split('=');
    return [name, value.join('=')] as const;
  });
  return readSettings({
    env: Object.fromEntries(env.map(({ name, value }) => [name, value ?? 'n'])),
    flags: Object.fromEntries(texts),
    hostName: 'unused',
  });
}

it('gives the agent in the Pod the settings that were asked for', () => {
  const given = fc
    .record(
      Object.fromEntries(Object.entries(USABLE).map(([flag, values]) => [flag, fc.constantFrom(...values)])),
      { requiredKeys: [] },
    )
    .map((flags): Texts => ({ arp: 'true', services: 'true', address: '192.0.2.9', ...flags }));
  fc.assert(
    fc.property(given, fc.constantFrom<ManifestKind>('pod', 'daemonset'), (flags, kind) => {
      const asked = readSettings({ env: {}, flags, hostName: 'n' });
      const got = readInPod(kind, flags);
      // Warnings name the line to change, which is another one in a manifest.
      expect({ ...got, warnings: [] }).toEqual({ ...asked, warnings: [] });
    }),
  );
});

it('prints nothing that the agent would not start with', () => {
  const anything = fc.oneof(
    fc.string(),
    fc.constantFrom('', ' ', '-1', '0', '99999', 'true', 'a b', 'ü', 'a\nb', '1e3'),
  );
  const given = fc
    .tuple(
      ...Object.entries(USABLE).map(([flag, values]) =>
        fc.tuple(fc.constant(flag), fc.oneof(anything, fc.constantFrom(...values))),
      ),
    )
    .chain((flags) => fc.subarray(flags, { maxLength: 4 }))
    .map((flags): Texts => ({ arp: 'true', services: 'true', ...Object.fromEntries(flags) }));
  let refused = 0;
  let printed = 0;
  fc.assert(
    fc.property(given, fc.constantFrom<ManifestKind>('pod', 'daemonset'), (flags, kind) => {
      if (problemsOf(kind, flags).length > 0) {
        refused += 1;
        return;
      }
      printed += 1;
      readInPod(kind, flags);
    }),
    { numRuns: 500 },
  );
  expect(Math.min(refused, printed)).toBeGreaterThan(20);
});
