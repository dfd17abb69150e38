// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { stringify } from 'yaml';
import { objectsOf, type RenderOptions, renderChart } from './chart.ts';

const DEPLOY = fileURLToPath(new URL('../../../../deploy', import.meta.url));
const KUSTOMIZE = join(DEPLOY, 'kustomize');

/** Runs a program; rejects when it fails. */
export const run = promisify(execFile);

/** Everything that can be switched on, and every value that is written somewhere. */
export const ALL_ON: RenderOptions = {
  namespace: 'kube-public',
  values: {
    image: { registry: 'registry.example/mirror', tag: 'v1', pullPolicy: 'Always', pullSecrets: ['pull'] },
    pools: { 'range-global': '192.0.2.10-192.0.2.20', 'cidr-shop': '2001:db8::/112' },
    cloudProvider: {
      replicas: 2,
      writeServiceConfigMaps: true,
      extraArgs: ['--v=2'],
      env: { NODE_OPTIONS: null, SOME_SWITCH: true, SOME_NUMBER: 60000000 },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      podAnnotations: { note: 'a "quoted" one' },
    },
    agent: {
      engine: 'lease',
      balance: 'ipvs',
      interface: 'eth0,ens3',
      nodeLabeling: true,
      controlPlane: { enabled: true, address: '192.0.2.5,2001:db8::5' },
      env: { vip_loglevel: -4, dns_mode: null },
      profiles: { nftables: true, ipvs: true, synProxy: true, lowPorts: true },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      affinity: { nodeAffinity: {} },
      maxUnavailable: '10%',
    },
    groupKey: { method: 'job', secretName: 'other-key' },
    starboard: { enabled: true, env: { vip_loglevel: '0' } },
  },
};

/** `.yaml` files right in deploy/ that are manifests. */
export const MANIFESTS = readdirSync(DEPLOY).filter(
  (file) => file.endsWith('.yaml') && file !== 'kustomization.yaml',
);
/** Folders of kustomize components. */
export const COMPONENTS = readdirSync(KUSTOMIZE).sort();

/** Does this machine's kubectl have a kustomize that knows components (kubectl 1.21)? */
export const hasComponents = await run('kubectl', ['version', '--client', '-o', 'json']).then(
  ({ stdout }) => {
    const { clientVersion } = JSON.parse(stdout) as { clientVersion: { minor: string } };
    return Number.parseInt(clientVersion.minor, 10) >= 21;
  },
  () => false,
);

/** What `kubectl kustomize` makes of the base with these components. */
export async function kustomize(components: readonly string[] = []): Promise<readonly KubeObject[]> {
  const overlay = await mkdtemp(join(tmpdir(), 'fairlead-overlay-'));
  try {
    const content = {
      resources: [relative(overlay, DEPLOY)],
      components: components.map((name) => relative(overlay, join(KUSTOMIZE, name))),
    };
    await writeFile(join(overlay, 'kustomization.yaml'), stringify(content));
    return objectsOf((await run('kubectl', ['kustomize', overlay])).stdout);
  } finally {
    await rm(overlay, { recursive: true });
  }
}

/** Objects of a manifest right in deploy/. */
export function manifest(file: string): readonly KubeObject[] {
  return objectsOf(readFileSync(join(DEPLOY, file), 'utf8'));
}

/** Everything that is installed in some way, by where it comes from. */
export function everything(): Promise<ReadonlyMap<string, readonly KubeObject[]>> {
  found ??= collect();
  return found;
}

let found: ReturnType<typeof collect> | undefined;

async function collect(): Promise<ReadonlyMap<string, readonly KubeObject[]>> {
  const all = new Map<string, readonly KubeObject[]>(MANIFESTS.map((file) => [file, manifest(file)]));
  all.set('chart', renderChart());
  all.set('chart, all on', renderChart(ALL_ON));
  if (hasComponents) {
    all.set('kustomize', await kustomize());
    for (const name of COMPONENTS) all.set(`kustomize ${name}`, await kustomize([name]));
  }
  return all;
}
