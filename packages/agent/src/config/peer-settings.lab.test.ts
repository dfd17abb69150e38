// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentSettings, readSettings } from './settings.ts';
import { PEER_MANIFESTS } from './testing/peer-manifests.ts';

/** Path of kube-vip's own program (1.x), which tells its settings when it gets SIGUSR1. */
const KUBE_VIP = process.env.FAIRLEAD_KUBE_VIP ?? '';
if (KUBE_VIP === '') {
  console.warn('SKIPPED: settings beside those of a real kube-vip (set FAIRLEAD_KUBE_VIP to its program)');
}

const END_OF_DUMP = 'END OF CONFIGURATION DUMP';

/** An API server that nobody runs: it is asked for nothing that settings depend on. */
const KUBECONFIG = `apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: a, context: {cluster: a, user: a}}]
current-context: a
users: [{name: a, user: {}}]
`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-peer-'));
  writeFileSync(join(folder, 'kubeconfig'), KUBECONFIG);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts kube-vip in a network of its own, with the links that it wants, and asks for its settings. */
function settingsOfPeer(env: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, string>> {
  const links = [env.vip_interface, env.vip_servicesinterface].filter((link) => link !== undefined);
  const script = [
    'ip link set lo up',
    ...links.map((link) => `ip link add ${link} type veth peer name p-${link}`),
    ...links.flatMap((link) => [`ip link set ${link} up`, `ip link set p-${link} up`]),
    `exec ${KUBE_VIP} manager`,
  ].join(' && ');
  const child = spawn('unshare', ['--net', 'sh', '-c', script], { env: { PATH: process.env.PATH, ...env } });
  return new Promise((resolve, reject) => {
    let output = '';
    let isAsked = false;
    const hear = (chunk: Buffer): void => {
      output += chunk.toString();
      if (!isAsked && output.includes('starting Kube-vip Manager')) {
        isAsked = true;
        child.kill('SIGUSR1');
      }
      if (output.includes(END_OF_DUMP)) child.kill('SIGKILL');
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    child.on('close', () => {
      if (!output.includes(END_OF_DUMP)) reject(new Error(`kube-vip told no settings:\n${output}`));
      const lines = output.matchAll(/^([A-Z][\w/ -]*): (.*)$/gm);
      resolve(new Map([...lines].map(([, name = '', value = '']) => [name, value.trim()])));
    });
  });
}

/** Our settings in the words of kube-vip's dump. */
function inItsWords(settings: AgentSettings): Readonly<Record<string, string>> {
  const { controlPlane, statusServer, servicesLease, classRule } = settings;
  const nameOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }) =>
    namespace === 'kube-system' ? name : `${namespace}/${name}`;
  return {
    'Node Name': settings.nodeName,
    Interface: settings.interface ?? '',
    'Services Interface': settings.servicesInterface ?? '',
    'ARP Enabled': 'true',
    'Service Namespace': settings.servicesNamespace ?? '',
    'Services Enabled': `${settings.services}`,
    'Services Election': `${settings.election === 'perService'}`,
    'Services Lease Name': nameOf(servicesLease),
    'Load Balancer Class Only': `${classRule.classOnly}`,
    'Load Balancer Class Name': classRule.name,
    'Disable Service Updates': `${!settings.serviceUpdates}`,
    'Service Security Enabled': `${settings.closePorts}`,
    'Node Labeling Enabled': `${settings.nodeLabels}`,
    'Prometheus HTTP Server': `:${statusServer?.port}`,
    'Health Check Port': `${settings.healthCheckPort ?? 0}`,
    'Control Plane Enabled': `${controlPlane?.isMember === true}`,
    ...(controlPlane === undefined
      ? {}
      : {
          VIP: controlPlane.addresses.join(','),
          Port: `${controlPlane.port}`,
          'Detect Control Plane': `${controlPlane.detect}`,
          'Lease Name': nameOf(controlPlane.lease),
          'Lease Duration': `${settings.leaseDurationMs / 1_000} seconds`,
          'Renew Deadline': `${settings.renewDeadlineMs / 1_000} seconds`,
          'Retry Period': `${settings.retryPeriodMs / 1_000} seconds`,
          'Load Balancer Enabled': `${controlPlane.balance !== undefined}`,
        }),
    ...(controlPlane?.balance === undefined
      ? {}
      : {
          'Load Balancer Port': `${controlPlane.balance.port}`,
          'Load Balancer Forwarding Method': controlPlane.balance.method,
        }),
  };
}

describe.skipIf(KUBE_VIP === '')('settings beside those of a real kube-vip', () => {
  it.each(PEER_MANIFESTS.filter(({ isForPeer }) => isForPeer))('$name', async ({ env }) => {
    const given = { ...Object.fromEntries(env), k8s_config_file: join(folder, 'kubeconfig') };
    const theirs = await settingsOfPeer(given);
    const ours = inItsWords(readSettings({ env: given, hostName: 'host' }));
    expect(ours).toEqual(Object.fromEntries(Object.keys(ours).map((name) => [name, theirs.get(name)])));
  });
});
