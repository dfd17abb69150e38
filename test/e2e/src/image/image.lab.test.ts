// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lab } from '@fairlead/test-lab/lab.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IMAGES, type ImageName } from '../../../../scripts/image/images.ts';
import { IMAGE_FOLDER } from '../../../../scripts/image/oci.ts';
import { hideControlGroups, UnpackedImage } from './container.ts';

const NAMES = Object.keys(IMAGES) as ImageName[];
const archiveOf = (name: ImageName): string => join(IMAGE_FOLDER, `${name}.tar`);
/** `npm test` builds them first, outside the lab, which has no way to Debian's packages. */
const areBuilt = NAMES.every((name) => existsSync(archiveOf(name)));

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const MAX_BYTES: Readonly<Record<ImageName, number>> = { agent: 120e6, 'cloud-provider': 80e6 };
const USERS: Readonly<Record<ImageName, string>> = { agent: '0:0', 'cloud-provider': '65532:65532' };

/** The images as a container runtime sees them, without a registry. */
describe.skipIf(!areBuilt)('the images', () => {
  let lab: Lab;
  let agent: UnpackedImage;
  let cloudProvider: UnpackedImage;
  const running: LabProcess[] = [];

  beforeAll(async () => {
    lab = await Lab.start({ workers: 1 });
    await hideControlGroups();
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-images-'));
    [agent, cloudProvider] = await Promise.all([
      UnpackedImage.of(archiveOf('agent'), 'fairlead/agent:dev', folder),
      UnpackedImage.of(archiveOf('cloud-provider'), 'fairlead/cloud-provider:dev', folder),
    ]);
  });

  afterAll(async () => {
    for (const each of running) await each.stop();
    await lab.stop();
  });

  it('are small, start under the names of the peers, and leave root to the one that needs it', () => {
    for (const [name, image, entry] of [
      ['agent', agent, '/kube-vip'],
      ['cloud-provider', cloudProvider, '/kube-vip-cloud-provider'],
    ] as const) {
      expect(statSync(archiveOf(name)).size).toBeLessThan(MAX_BYTES[name]);
      const { args, env, user } = image.process;
      // As Pods ask for it, once it has been imported.
      expect(image.containerdName).toBe(`docker.io/fairlead/${name}:dev`);
      expect(args).toEqual([entry]);
      const wanted = Object.entries(IMAGES[name].env).map(([key, value]) => `${key}=${value}`);
      expect(env).toEqual(expect.arrayContaining(wanted));
      expect(`${user.uid}:${user.gid}`).toBe(USERS[name]);
      expect(user.uid).toBe(IMAGES[name].user);
    }
  });

  it('have every program that the agent calls', async () => {
    const programs = [
      ...[
        ['ip', '-V'],
        ['nft', '--version'],
        ['conntrack', '--version'],
        ['modprobe', '--version'],
      ],
      ...['iptables', 'iptables-legacy', 'iptables-nft', 'iptables-restore', 'iptables-legacy-restore']
        .flatMap((name) => [name, name.replace('ip', 'ip6')])
        .map((name) => [name, '--version']),
      ...[
        ['agent', 'version'],
        ['/kube-vip', 'version'],
      ],
    ];
    for (const command of programs) {
      const { code, stdout, stderr } = await lab.exec(
        'worker1',
        agent.command(`try-${programs.indexOf(command)}`, { command }),
      );
      expect(code, `${command.join(' ')}: ${stderr}`).toBe(0);
      expect(`${stdout}${stderr}`.length, command.join(' ')).toBeGreaterThan(0);
    }
    // It gets as far as the kernel, which need not have the module.
    const ipvsadm = await lab.exec(
      'worker1',
      agent.command('try-ipvsadm', { command: ['ipvsadm', '--help'] }),
    );
    expect(`${ipvsadm.stdout}${ipvsadm.stderr}`).toMatch(/Usage:|Can't initialize ipvs/);
  });

  it('start from code that was compiled when they were built', async () => {
    const { stderr } = await lab.exec(
      'worker1',
      agent.command('compiled', { args: ['manager', '--help'], env: { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' } }),
    );
    expect(stderr).toMatch(/cache for .*agent\.js was accepted/);
    expect(stderr).not.toMatch(/rejected|was not initialized/);
  });

  it('serve as containers with two capabilities, or none, and a read-only root', async () => {
    const account = await serviceAccount(lab);
    const [host = '', port = ''] = lab.plan.apiServer.split(':');
    const inPod = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port };
    const mounts = { [account]: ACCOUNT };
    const start = (command: readonly string[]): void => {
      const started = lab.spawn('worker1', command);
      running.push(started);
    };
    start(cloudProvider.command('cloud-provider', { env: inPod, mounts }));
    start(
      agent.command('agent', {
        ...{ args: ['manager'], mounts, capabilities: ['CAP_NET_ADMIN', 'CAP_NET_RAW'] },
        env: {
          ...{ ...inPod, vip_arp: 'true', vip_interface: 'eth0', vip_nodename: 'worker1' },
          ...{ svc_enable: 'true', svc_election: 'true', prometheus_server: ':2112' },
          fairlead_balance: 'nftables',
        },
      }),
    );
    const pool = '--from-literal=range-global=172.18.0.200-172.18.0.201';
    await kubectl(lab, 'create', 'configmap', '-n', 'kube-system', 'kubevip', pool);
    await offer(lab, 'worker1');
    const isWell = async (): Promise<boolean> => {
      const probes = [2112, 10258].map((each) =>
        lab.exec('worker1', ['curl', '-sf', `http://127.0.0.1:${each}/readyz`]),
      );
      return (await Promise.all(probes)).every(({ code }) => code === 0);
    };
    const said = (): string => running.map((each) => [...each.stdout, ...each.stderr].join('\n')).join('\n');
    await lab.waitFor(isWell, { what: 'both containers to be ready', details: said });
    const worker = lab.plan.hosts.find(({ name }) => name === 'worker1');
    await lab.waitFor(
      async () => {
        await lab.exec('client', ['ping', '-c', '1', '-W', '1', '172.18.0.200']);
        const { stdout } = await lab.exec('client', ['ip', 'neigh', 'show', '172.18.0.200']);
        return stdout.includes(`lladdr ${worker?.mac}`);
      },
      { what: 'the agent in the container to answer for the address', details: said },
    );
  });
});

/** A Service of type LoadBalancer with an endpoint on a node. What serves there does not matter: an address is given and answered for. */
async function offer(lab: Lab, node: string): Promise<void> {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  const objects = [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'LoadBalancer', ports } },
    {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', ports },
      metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
      endpoints: [{ addresses: ['10.244.1.99'], nodeName: node, conditions: { ready: true } }],
    },
  ];
  const stdin = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const { code, stderr } = await lab.kubectl(['apply', '-f', '-'], { stdin });
  if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
}

async function kubectl(lab: Lab, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** The files that a Pod has of its service account, in a folder. Its rights are not what is tried here. */
async function serviceAccount(lab: Lab): Promise<string> {
  await kubectl(lab, 'create', 'serviceaccount', 'trial', '-n', 'kube-system');
  await kubectl(
    ...([lab, 'create', 'clusterrolebinding', 'trial', '--clusterrole=cluster-admin'] as const),
    '--serviceaccount=kube-system:trial',
  );
  const folder = join(lab.workDir, 'trial-account');
  mkdirSync(folder);
  const config = JSON.parse(readFileSync(lab.kubeconfig, 'utf8')) as {
    clusters: [{ cluster: { 'certificate-authority-data': string } }];
  };
  const token = await kubectl(lab, 'create', 'token', 'trial', '-n', 'kube-system');
  writeFileSync(join(folder, 'token'), token.trim());
  writeFileSync(join(folder, 'namespace'), 'kube-system');
  const authority = config.clusters[0].cluster['certificate-authority-data'];
  writeFileSync(join(folder, 'ca.crt'), Buffer.from(authority, 'base64'));
  return folder;
}
