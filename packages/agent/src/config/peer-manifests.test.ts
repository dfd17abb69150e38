// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addSettingFlags, settingFlagsOf } from '../commands/flags.ts';
import { readSettings } from './settings.ts';
import { UNSUPPORTED_SETTINGS } from './unsupported.ts';

/*
 * Manifests of kube-vip with only the image changed: what their environments make of our settings, next to what kube-vip itself
 * makes of them (its documentation and defaults; -1 and below: debug, and so on). The value of a fieldRef is what the kubelet puts in.
 */

interface PeerManifest {
  readonly name: string;
  readonly env: readonly (readonly [name: string, value: string])[];
  /** Namespace of the service account; undefined: a static Pod. */
  readonly tokenNamespace?: string;
  /** What kube-vip does with it. */
  readonly effective: Readonly<Record<string, unknown>>;
  /** What we do without, each with one warning. */
  readonly warned: readonly string[];
}

const LEASES_OF_KUBE_VIP = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 };
const SERVICES_LEASE = { namespace: 'kube-system', name: 'plndr-svcs-lock' };
const CONTROL_PLANE_LEASE = { namespace: 'kube-system', name: 'plndr-cp-lock' };
const CLASS_OF_KUBE_VIP = { handling: 'legacy', name: 'kube-vip.io/kube-vip-class', classOnly: false };

const MANIFESTS: readonly PeerManifest[] = [
  {
    name: '0.9.1, DaemonSet for Services with an election for each (kind)',
    env: [
      ['vip_arp', 'true'],
      ['port', '6443'],
      ['vip_nodename', 'kind-worker'],
      ['vip_interface', 'eth0'],
      ['dns_mode', 'first'],
      ['svc_enable', 'true'],
      ['svc_leasename', 'plndr-svcs-lock'],
      ['vip_address', ''],
      ['prometheus_server', ':2112'],
      ['svc_election', 'true'],
    ],
    tokenNamespace: 'kube-system',
    effective: {
      ...LEASES_OF_KUBE_VIP,
      nodeName: 'kind-worker',
      interface: 'eth0',
      servicesInterface: undefined,
      services: true,
      controlPlane: undefined,
      servicesNamespace: undefined,
      election: 'perService',
      servicesLease: SERVICES_LEASE,
      classRule: CLASS_OF_KUBE_VIP,
      serviceUpdates: true,
      statusServer: { host: '', port: 2112 },
      healthCheckPort: undefined,
      logLevel: 'info',
      dnsMode: 'first',
      inCluster: true,
      engine: 'lease',
      balance: 'none',
      nodeLabels: false,
      closePorts: false,
    },
    warned: [],
  },
  {
    name: '0.x, DaemonSet for control plane and Services, with the names of its time',
    env: [
      ['vip_arp', 'true'],
      ['port', '6443'],
      ['vip_nodename', 'server-1'],
      ['vip_interface', 'ens160'],
      ['vip_cidr', '32'],
      ['dns_mode', 'first'],
      ['cp_enable', 'true'],
      ['cp_namespace', 'kube-system'],
      ['svc_enable', 'true'],
      ['svc_leasename', 'plndr-svcs-lock'],
      ['vip_leaderelection', 'true'],
      ['vip_leasename', 'plndr-cp-lock'],
      ['vip_leaseduration', '5'],
      ['vip_renewdeadline', '3'],
      ['vip_retryperiod', '1'],
      ['enable_endpointslices', 'true'],
      ['address', '192.168.0.40'],
      ['prometheus_server', ':2112'],
    ],
    tokenNamespace: 'kube-system',
    effective: {
      leaseDurationMs: 5_000,
      renewDeadlineMs: 3_000,
      retryPeriodMs: 1_000,
      services: true,
      election: 'global',
      servicesLease: SERVICES_LEASE,
      controlPlane: {
        isMember: true,
        addresses: ['192.168.0.40'],
        names: [],
        port: 6443,
        lease: CONTROL_PLANE_LEASE,
        balance: undefined,
        healthCheck: undefined,
        backendIntervalMs: 1_000,
        detect: false,
      },
    },
    warned: [],
  },
  {
    name: '1.x, DaemonSet for control plane and Services (k3s, as its generator prints it)',
    env: [
      ['vip_arp', 'true'],
      ['port', '6443'],
      ['vip_nodename', 'Server-1'],
      ['vip_interface', 'eth0'],
      ['vip_subnet', '32'],
      ['dns_mode', 'first'],
      ['dhcp_mode', 'ipv4'],
      ['cp_enable', 'true'],
      ['cp_namespace', 'kube-system'],
      ['svc_enable', 'true'],
      ['svc_leasename', 'plndr-svcs-lock'],
      ['vip_leaderelection', 'true'],
      ['vip_leasename', 'plndr-cp-lock'],
      ['vip_leaseduration', '15'],
      ['vip_renewdeadline', '10'],
      ['vip_retryperiod', '2'],
      ['address', '192.0.2.10'],
      ['prometheus_server', ':2112'],
    ],
    tokenNamespace: 'kube-system',
    effective: {
      ...LEASES_OF_KUBE_VIP,
      nodeName: 'server-1',
      interface: 'eth0',
      services: true,
      election: 'global',
      servicesLease: SERVICES_LEASE,
      controlPlane: {
        isMember: true,
        addresses: ['192.0.2.10'],
        names: [],
        port: 6443,
        lease: CONTROL_PLANE_LEASE,
        balance: undefined,
        healthCheck: undefined,
        backendIntervalMs: 1_000,
        detect: false,
      },
      dnsMode: 'first',
      inCluster: true,
      engine: 'lease',
    },
    warned: [],
  },
  {
    name: '1.x, static Pod of kubeadm with IPVS, all that its generator can add for ARP',
    env: [
      ['vip_arp', 'true'],
      ['port', '6443'],
      ['vip_nodename', 'cp-1'],
      ['vip_interface', 'eth0'],
      ['vip_servicesinterface', 'eth1'],
      ['vip_allow_interface_not_up', 'true'],
      ['vip_subnet', '32,128'],
      ['dns_mode', 'dual'],
      ['dhcp_mode', 'dual'],
      ['dhcp_backoff_attempts', '5'],
      ['cp_enable', 'true'],
      ['cp_namespace', 'kube-system'],
      ['cp_detect', 'true'],
      ['vip_ddns', 'false'],
      ['svc_enable', 'true'],
      ['svc_leasename', 'other/services'],
      ['svc_election', 'true'],
      ['vip_leaderelection', 'true'],
      ['vip_leasename', 'control-plane'],
      ['vip_leaseduration', '15'],
      ['vip_renewdeadline', '10'],
      ['vip_retryperiod', '2'],
      ['lb_enable', 'true'],
      ['lb_port', '7443'],
      ['lb_fwdmethod', 'masquerade'],
      ['lb_class_only', 'true'],
      ['enable_service_security', 'true'],
      ['enable_node_labeling', 'true'],
      ['disable_service_updates', 'true'],
      ['health_check_port', '8080'],
      ['vip_interfaceloglobal', 'true'],
      ['mirror_dest_interface', 'mirror0'],
      ['debounce_time', '0s'],
      ['address', '192.0.2.10,2001:db8::10'],
      ['prometheus_server', ':2113'],
      ['vip_loglevel', '-4'],
    ],
    effective: {
      ...LEASES_OF_KUBE_VIP,
      servicesInterface: 'eth1',
      election: 'perService',
      servicesLease: { namespace: 'other', name: 'services' },
      classRule: { ...CLASS_OF_KUBE_VIP, classOnly: true },
      serviceUpdates: false,
      closePorts: true,
      nodeLabels: true,
      healthCheckPort: 8080,
      statusServer: { host: '', port: 2113 },
      loGlobalScope: true,
      logLevel: 'debug',
      dnsMode: 'dual',
      dhcpAttempts: 5,
      kubeconfig: '/etc/kubernetes/admin.conf',
      inCluster: false,
      controlPlane: {
        isMember: true,
        addresses: ['192.0.2.10', '2001:db8::10'],
        names: [],
        port: 6443,
        lease: { namespace: 'kube-system', name: 'control-plane' },
        balance: { port: 7443, method: 'masquerade' },
        healthCheck: undefined,
        backendIntervalMs: 1_000,
        detect: true,
      },
    },
    warned: ['mirror_dest_interface'],
  },
];

/** Where we do something else on purpose than what was asked for or than kube-vip does unasked. */
const OURS = { announceIntervalMs: 60_000 };

describe("kube-vip's manifests with only the image changed", () => {
  it.each(MANIFESTS)('$name', ({ env, tokenNamespace, effective, warned }) => {
    const settings = readSettings({
      env: { ...Object.fromEntries(env), KUBERNETES_SERVICE_HOST: '10.96.0.1' },
      hostName: 'host',
      ...(tokenNamespace === undefined ? {} : { tokenNamespace }),
    });
    expect(settings).toMatchObject({ ...effective, ...OURS });
    expect(settings.warnings.map(({ setting }) => setting)).toEqual(warned);
  });

  it('are read the same from flags', () => {
    const flags = ['--arp', '--controlplane', '--services', '--address', '192.0.2.10', '--interface', 'eth0'];
    const command = new Command().exitOverride();
    addSettingFlags(command);
    command.parse([...flags, '--leaderElection'], { from: 'user' });
    const settings = readSettings({ env: {}, flags: settingFlagsOf(command), hostName: 'host' });
    expect(settings).toMatchObject({
      ...LEASES_OF_KUBE_VIP,
      services: true,
      controlPlane: { addresses: ['192.0.2.10'] },
    });
    expect(settings.warnings).toEqual([]);
  });
});

/** Flags of kube-vip 1.2.3 with a value that says nothing new. */
const PEER_FLAGS: readonly (readonly [flag: string, value: string | undefined])[] = [
  ...[
    ...['allowInterfaceNotUp', 'arp', 'autodetectcp', 'bgp', 'bgpAttachIPToInterface', 'cleanRoutingTable'],
    ...['controlplane', 'ddns', 'disableServiceUpdates', 'egressWithNftables', 'enableEndpoints'],
    ...['enableLoadBalancer', 'enableNodeLabeling', 'lbClassNameLegacyHandling', 'lbClassOnly'],
    ...['leaderElection', 'loInterfaceGlobalScope', 'loseLeadership', 'multihop', 'multiHop'],
    ...['onlyAllowTrafficServicePorts', 'perServiceElectionOnDemand', 'preserveVipOnLeadershipLoss'],
    ...['services', 'servicesElection', 'table', 'wireguard', 'zebra', 'enableEndpointSlices'],
  ].map((flag) => [flag, undefined] as const),
  ...(
    [
      ['address', '192.0.2.10'],
      ['annotations', 'metal.equinix.com'],
      ['bgpHoldTimer', '30'],
      ['bgpKeepAliveInterval', '10'],
      ['bgpRouterID', '192.0.2.1'],
      ['bgppeers', '192.0.2.2:65000::false'],
      ['controlPlaneHealthCheckAddress', 'http://127.0.0.1:8080/'],
      ['controlPlaneHealthCheckCAPath', '/ca.crt'],
      ['controlPlaneHealthCheckFailureThreshold', '3'],
      ['controlPlaneHealthCheckPeriodSeconds', '5'],
      ['controlPlaneHealthCheckTimeoutSeconds', '3'],
      ['debounceTime', '0s'],
      ['dhcpBackoffAttempts', '3'],
      ['dhcpMode', 'ipv4'],
      ['dnsMode', 'first'],
      ['etcdCACert', '/ca'],
      ['etcdCert', '/cert'],
      ['etcdEndpoints', '192.0.2.3:2379'],
      ['etcdKey', '/key'],
      ['healthCheckPort', '0'],
      ['instanceName', 'one'],
      ['interface', 'eth0'],
      ['k8sConfigPath', '/etc/kubernetes/admin.conf'],
      ['lbClassName', 'kube-vip.io/kube-vip-class'],
      ['lbForwardingMethod', 'local'],
      ['lbPort', '6443'],
      ['leaderElectionType', 'kubernetes'],
      ['leaseDuration', '15'],
      ['leaseName', 'plndr-cp-lock'],
      ['leaseRenewDuration', '10'],
      ['leaseRetry', '2'],
      ['localAS', '65000'],
      ['log', '0'],
      ['loseLeadershiptTimeoutSeconds', '30'],
      ['mirrorDestInterface', 'eth9'],
      ['namespace', 'kube-system'],
      ['nodeName', 'node'],
      ['peerAS', '65000'],
      ['peerAddress', '192.0.2.2'],
      ['peerPass', 'secret'],
      ['port', '6443'],
      ['prometheusHTTPServer', ':2112'],
      ['routingProtocol', '248'],
      ['serviceInterface', 'eth0'],
      ['servicesLeaseName', 'plndr-svcs-lock'],
      ['sourceIF', 'eth0'],
      ['sourceIP', '192.0.2.1'],
      ['tableID', '198'],
      ['tableType', '1'],
      ['vip', '192.0.2.10'],
      ['vipSubnet', '32'],
      ['zebraSoftwareName', 'frr8.3'],
      ['zebraUrl', 'unix:/var/run/frr/zserv.api'],
      ['zebraVersion', '6'],
      // As its pages write them.
      ['servicesInterface', 'eth0'],
      ['sourceif', 'eth0'],
      ['sourceip', '192.0.2.1'],
      ['config-file', '/config.yaml'],
      // As it was called before.
      ['cidr', '32'],
    ] as const
  ).map(([flag, value]) => [flag, value] as const),
];

it('takes every flag of kube-vip, alone and with all others', () => {
  const argumentsOf = ([flag, value]: (typeof PEER_FLAGS)[number]) =>
    value === undefined ? [`--${flag}`] : [`--${flag}`, value];
  const command = new Command().exitOverride();
  addSettingFlags(command);
  command.parse(PEER_FLAGS.flatMap(argumentsOf), { from: 'user' });
  const settings = readSettings({ env: {}, flags: settingFlagsOf(command), hostName: 'host' });
  const harmed = settings.warnings.map(({ setting }) => setting);
  expect(harmed).toContain('--bgp');
  expect(new Set(harmed).size).toBe(harmed.length);
  expect(JSON.stringify(settings.warnings)).not.toContain('"secret"');
  for (const { flag } of UNSUPPORTED_SETTINGS) {
    if (flag !== undefined) expect(PEER_FLAGS.map(([name]) => name)).toContain(flag);
  }
});
