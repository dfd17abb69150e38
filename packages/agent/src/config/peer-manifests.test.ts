// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addSettingFlags, settingFlagsOf } from '../commands/flags.ts';
import { readSettings } from './settings.ts';
import { LEASES_OF_KUBE_VIP, PEER_MANIFESTS } from './testing/peer-manifests.ts';
import { UNSUPPORTED_SETTINGS } from './unsupported.ts';

/** Where we do something else on purpose than what was asked for or than kube-vip does unasked. */
const OURS = { announceIntervalMs: 60_000 };

describe("kube-vip's manifests with only the image changed", () => {
  it.each(PEER_MANIFESTS)('$name', ({ env, tokenNamespace, effective, warned }) => {
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
