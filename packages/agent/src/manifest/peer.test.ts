// SPDX-License-Identifier: Apache-2.0
import type { DaemonSet, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { addSettingFlags } from '../commands/flags.ts';
import { manifestCommand } from '../commands/manifest.ts';
import type { EnvVar } from './environment.ts';
import { runAgent, runProgram, words } from './testing/agent-command.ts';

/** Path of kube-vip's own program (1.x), for a comparison with what it prints. */
const KUBE_VIP = process.env.FAIRLEAD_KUBE_VIP ?? '';
if (KUBE_VIP === '') {
  console.warn('SKIPPED: manifests beside those of a real kube-vip (set FAIRLEAD_KUBE_VIP to its program)');
}

const COMMAND_LINES = [
  'manifest daemonset --interface eth0 --address 192.0.2.10 --inCluster --taint --controlplane --services --arp --leaderElection',
  'manifest pod --interface eth0 --address 192.0.2.10 --controlplane --services --arp --leaderElection',
  'manifest pod --interface eth0 --vip 192.0.2.10 --controlplane --arp',
  'manifest daemonset --inCluster --services --arp --servicesElection --interface eth0',
  'manifest daemonset --inCluster --services --arp --address fd00::1,192.0.2.1 --vipSubnet 24 --port 7443',
  'manifest daemonset --inCluster --services --arp --address fd00::1 --controlplane -n locks --leaderElection --leaseName a/b --leaseDuration 20 --leaseRenewDuration 12 --leaseRetry 3',
  'manifest daemonset --inCluster --services --arp --lbClassOnly --onlyAllowTrafficServicePorts --servicesLeaseName other --serviceInterface eth1',
  'manifest daemonset --services --arp --controlplane --address 192.0.2.1 --autodetectcp --ddns --dnsMode ipv6 --loInterfaceGlobalScope --interface lo',
  'manifest pod --services --arp --controlplane --address 192.0.2.1 --enableLoadBalancer --lbPort 8443 --lbForwardingMethod masquerade',
  'manifest pod --services --arp --controlplane --address 192.0.2.1,192.0.2.2 --dnsMode first --dhcpBackoffAttempts 7 --instanceName one',
  'manifest daemonset --inCluster --services --arp --enableNodeLabeling --annotations example.org --allowInterfaceNotUp --disableServiceUpdates --enableEndpoints --mirrorDestInterface eth4 --healthCheckPort 8080 --preserveVipOnLeadershipLoss --debounceTime 300ms --prometheusHTTPServer :2113',
  'manifest daemonset --inCluster --services --arp --prometheusHTTPServer=',
  'manifest daemonset --inCluster --services --arp --wireguard --table --bgp --bgpAttachIPToInterface --bgpRouterID 192.0.2.7 --localAS 65001 --peerAddress 192.0.2.8 --peerPass secret --peerAS 65002 --sourceIF eth0 --bgppeers 192.0.2.9:65003::false',
  'manifest daemonset --inCluster --services --arp --bgp --sourceIP 192.0.2.7',
  'manifest pod --arp --controlplane --address 192.0.2.1 --controlPlaneHealthCheckAddress https://127.0.0.1:6443/livez --controlPlaneHealthCheckPeriodSeconds 6 --controlPlaneHealthCheckTimeoutSeconds 4 --controlPlaneHealthCheckFailureThreshold 5 --controlPlaneHealthCheckCAPath /ca.pem',
  'manifest pod --arp --services --controlPlaneHealthCheckAddress https://127.0.0.1:6443/livez',
  'manifest daemonset --inCluster --arp --services --perServiceElectionOnDemand --log 4 --lbClassName x --lbClassNameLegacyHandling=false --egressWithNftables=false --multihop --tableID 5 --zebra',
  'kubeadm init --interface eth0 --address 192.0.2.10 --controlplane --arp --leaderElection',
];

/** Values that the peer writes of its own accord or gets wrong, each with the decision's reason. */
const OTHER_VALUES = [
  // Its default method balances nothing.
  {
    flags: 'manifest pod --arp --controlplane --address 192.0.2.1 --enableLoadBalancer',
    name: 'lb_fwdmethod',
    theirs: 'local',
    ours: 'masquerade',
  },
  // It forgets the flag.
  { flags: 'manifest pod --arp --services --dhcpMode ipv6', name: 'dhcp_mode', theirs: 'ipv4', ours: 'ipv6' },
] as const;

async function environmentOf(output: Promise<{ readonly stdout: string }>): Promise<readonly EnvVar[]> {
  const object = parse((await output).stdout) as DaemonSet | Pod;
  const pod = object.kind === 'DaemonSet' ? (object as DaemonSet).spec?.template.spec : (object as Pod).spec;
  return (pod?.containers[0]?.env ?? []).map(({ name, value, valueFrom }) =>
    valueFrom ? { name, valueFrom: valueFrom as EnvVar['valueFrom'] & object } : { name, value: value ?? '' },
  );
}

describe.skipIf(KUBE_VIP === '')('beside kube-vip’s own generator', () => {
  it.each(COMMAND_LINES)('%s', async (commandLine) => {
    const args = words(commandLine);
    const [theirs, ours] = await Promise.all([
      environmentOf(runProgram(KUBE_VIP, args)),
      environmentOf(runAgent(args)),
    ]);
    expect(theirs.length).toBeGreaterThan(5);
    const names = new Set(theirs.map(({ name }) => name));
    expect(ours.filter(({ name }) => names.has(name))).toEqual(theirs);
  });

  it.each(OTHER_VALUES)('$name is $ours, not $theirs', async ({ flags, name, theirs, ours }) => {
    const args = words(flags);
    expect(await environmentOf(runProgram(KUBE_VIP, args))).toContainEqual({ name, value: theirs });
    expect(await environmentOf(runAgent(args))).toContainEqual({ name, value: ours });
  });

  it('takes every flag', async () => {
    const { stdout } = await runProgram(KUBE_VIP, words('manifest daemonset --help'));
    const theirs = [...stdout.matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].flatMap(([, name]) => name ?? []);
    expect(theirs.length).toBeGreaterThan(80);
    const [ours] = manifestCommand().commands.filter((command) => command.name() === 'daemonset');
    if (ours === undefined) throw new Error('there is no manifest of a DaemonSet');
    addSettingFlags(ours);
    const names = new Set(['help', ...ours.options.flatMap(({ long }) => long?.slice(2) ?? [])]);
    expect(theirs.filter((name) => !names.has(name))).toEqual([]);
  });

  it('writes the time without a link under its own name', async () => {
    const args = words('manifest pod --arp --services --loseLeadership --loseLeadershiptTimeoutSeconds 40');
    const wrong = { name: 'vip_loseleadership', value: '40' };
    expect(await environmentOf(runProgram(KUBE_VIP, args))).toContainEqual(wrong);
    const ours = await environmentOf(runAgent(args));
    expect(ours).not.toContainEqual(wrong);
    expect(ours).toContainEqual({ name: 'vip_loseleadership_timeout_seconds', value: '40' });
  });
});
