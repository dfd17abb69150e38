// SPDX-License-Identifier: Apache-2.0
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEmbeddedServer, startRealServer } from '@fairlead/shared/kubernetes/testing/fault-servers.ts';
import { writeYaml } from '@fairlead/shared/kubernetes/write-yaml.ts';
import { describe, expect, it } from 'vitest';
import { generate, type ManifestKind } from './generate.ts';

const run = promisify(execFile);
const ASSETS = process.env.KUBEBUILDER_ASSETS ?? '';
const hasKubectl = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0;
if (!hasKubectl)
  console.warn('SKIPPED: no kubectl on the PATH, so no API server looks at generated manifests');

const CONTROL_PLANE = {
  arp: 'true',
  controlplane: 'true',
  address: '192.0.2.10,2001:db8::10',
  interface: 'eth0',
};
const SERVICES = { arp: 'true', services: 'true' };

/** That kubectl did not make the account itself; and that the older of two labels, of which one is enough, is the older. */
const EXPECTED =
  /^Warning: (resource serviceaccounts\/kube-vip is missing|.*node-role\.kubernetes\.io\/master is).*\n/gm;

/** Everything that makes a manifest another one. */
const MANIFESTS: readonly (readonly [ManifestKind, Readonly<Record<string, string>>])[] = [
  ['rbac', {}],
  ['rbac', { role: 'true', enableNodeLabeling: 'true' }],
  ['rbac', { rolebinding: 'true' }],
  ['daemonset', { ...SERVICES, inCluster: 'true', balance: 'userspace' }],
  ['daemonset', { ...SERVICES, ...CONTROL_PLANE, inCluster: 'true', taint: 'true', leaderElection: 'true' }],
  ['daemonset', { ...SERVICES, prometheusHTTPServer: '' }],
  ['pod', { ...CONTROL_PLANE, enableLoadBalancer: 'true', engine: 'raft' }],
  ['pod', { ...SERVICES, inCluster: 'true', prometheusHTTPServer: '127.0.0.1:9', lbClassName: '' }],
  ['pod', { ...SERVICES, bgp: 'true', image: 'registry.example.org:5000/a/b:c' }],
  ['pod', { ...SERVICES, inCluster: 'true', balance: 'ipvs', prepare: 'ipvs,nftables' }],
  ['kubeadm', CONTROL_PLANE],
];

describe.each([
  { server: 'embedded', start: startEmbeddedServer, isThere: true },
  {
    server: 'real',
    start: () => startRealServer(ASSETS, ['--allow-privileged=true']),
    isThere: existsSync(join(ASSETS, 'kube-apiserver')),
  },
])('the $server API server', ({ start, isThere }) => {
  it.skipIf(!isThere || !hasKubectl)(
    'accepts what is generated with a server-side dry run',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'fairlead-generated-'));
      const server = await start();
      try {
        const kubeconfig = join(folder, 'kubeconfig');
        await writeFile(kubeconfig, server.kubeconfig(server.port));
        const kubectl = (...args: readonly string[]) =>
          run('kubectl', [...args, '--kubeconfig', kubeconfig], { env: { ...process.env, HOME: folder } });
        // Pods are refused without their account, and clusters have the first.
        for (const account of ['default', 'kube-vip']) {
          await kubectl('create', 'serviceaccount', account, '-n', 'kube-system');
        }
        for (const [kind, flags] of MANIFESTS) {
          const { objects } = generate(kind, { env: {}, flags });
          const file = join(folder, 'manifest.yaml');
          await writeFile(file, writeYaml(objects));
          const { stdout, stderr } = await kubectl(
            'apply',
            '--dry-run=server',
            '--validate=strict',
            '-f',
            file,
          );
          const about = `${kind} ${JSON.stringify(flags)}`;
          expect(stderr.replaceAll(EXPECTED, ''), about).toBe('');
          expect(stdout.trim().split('\n'), about).toHaveLength(objects.length);
        }
      } finally {
        await server.close();
        await rm(folder, { recursive: true, force: true });
      }
    },
    120_000,
  );
});
