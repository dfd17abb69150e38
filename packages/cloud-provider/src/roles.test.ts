// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CoreEvent, KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { CONFIG_MAPS, EVENTS, NAMESPACES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import {
  createRights,
  RBAC,
  writeAccountKubeconfig,
} from '@fairlead/shared/kubernetes/testing/service-accounts.ts';
import { loadAllYaml } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { CloudProviderSettings } from './cloud-provider.ts';
import { runPools } from './commands/pools-run.ts';
import { generate } from './manifest/generate.ts';
import { given, REAL_ASSETS, TestCluster } from './testing/test-cluster.ts';

/*
 * The cloud provider with no more rights than a manifest gives it: ours, and the role that kube-vip-cloud-provider's
 * users have already.
 */

const ACCOUNT = { namespace: 'kube-system', name: 'kube-vip-cloud-controller' };

/** What the published role of kube-vip-cloud-provider allows. */
const PEERS_RULES = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'create', 'update', 'list', 'put'],
  },
  {
    apiGroups: [''],
    resources: ['configmaps', 'endpoints', 'events', 'services/status', 'leases'],
    verbs: ['*'],
  },
  { apiGroups: [''], resources: ['nodes', 'services'], verbs: ['list', 'get', 'watch', 'update'] },
];

let cluster: TestCluster;
let folder: string;
beforeEach(async () => {
  cluster = REAL_ASSETS === undefined ? await TestCluster.embedded() : await TestCluster.real(REAL_ASSETS);
  folder = await mkdtemp(join(tmpdir(), 'fairlead-roles-'));
}, 90_000);
afterEach(async () => {
  await cluster.close();
  await rm(folder, { recursive: true, force: true });
});

const createAll = (objects: readonly KubeObject[]) => createRights(cluster.admin, objects);

/** A kubeconfig with a token of the service account. */
async function accountKubeconfig(): Promise<string> {
  const file = join(folder, 'kubeconfig');
  await writeAccountKubeconfig(file, cluster.admin, ACCOUNT, await readFile(cluster.kubeconfig, 'utf8'));
  return file;
}

async function provesItself(settings: Partial<CloudProviderSettings> = {}): Promise<string> {
  await cluster.start({ kubeconfig: await accountKubeconfig(), ...settings });
  const name = await cluster.expose();
  await vi.waitFor(async () => expect(given(await cluster.get(name))).toBe('172.18.0.200'), {
    timeout: 10_000,
  });
  await vi.waitFor(async () => expect(await cluster.events(name)).toHaveLength(2), { timeout: 10_000 });
  const allocated = { type: 'fairlead.io/AddressAllocated', status: 'True' };
  await vi.waitFor(
    async () => expect((await cluster.get(name)).status?.conditions).toMatchObject([allocated]),
    { timeout: 10_000 },
  );
  return name;
}

/** Events about the ConfigMap, by their reasons. */
async function reasonsOnConfigMap(): Promise<readonly (string | undefined)[]> {
  const fieldSelector = 'involvedObject.kind=ConfigMap';
  const { items } = await cluster.admin.list<CoreEvent>(EVENTS, { namespace: 'kube-system', fieldSelector });
  return items.map(({ reason }) => reason);
}

async function apply(file: string): Promise<void> {
  const manifest = await readFile(new URL(`../../../deploy/${file}`, import.meta.url), 'utf8');
  await createAll(loadAllYaml(manifest) as KubeObject[]);
}

const POOLS = { 'range-global': '172.18.0.200-172.18.0.220' };

it('works with the rights of our manifest', async () => {
  await apply('cloud-provider.yaml');
  await cluster.setPools({ ...POOLS, 'rang-shop': '172.18.0.230' });
  await provesItself();
  await vi.waitFor(async () => expect(await reasonsOnConfigMap()).toEqual(['UnknownKey']), {
    timeout: 10_000,
  });
});

it('reads the ConfigMap plndr with the rights of our manifest', async () => {
  await apply('cloud-provider.yaml');
  const metadata = { namespace: 'kube-system', name: 'plndr' };
  await cluster.admin.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: POOLS });
  await provesItself({ configMap: { namespace: 'kube-system', name: 'kubevip', legacyName: 'plndr' } });
});

it('lists Services for balancers with the rights of the second manifest', async () => {
  await apply('cloud-provider.yaml');
  await apply('cloud-provider-service-configmaps.yaml');
  await cluster.setPools(POOLS);
  const name = await provesItself({ writeServiceConfigMaps: true });
  const listed = () => cluster.admin.get(CONFIG_MAPS, { namespace: 'default', name: 'plndr' });
  await vi.waitFor(async () => expect((await listed()).data?.['plndr-services']).toContain(`"${name}"`), {
    timeout: 10_000,
  });
  const uid = (await cluster.get(name)).metadata?.uid ?? '';
  await cluster.admin.remove(SERVICES, { namespace: 'default', name });
  await vi.waitFor(async () => expect((await listed()).data?.['plndr-services']).not.toContain(uid), {
    timeout: 10_000,
  });
});

it('works with the rights of a generated manifest, with pools and Lease where they are said to be', async () => {
  for (const name of ['pools', 'locks']) {
    await cluster.admin.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  const env = { KUBEVIP_NAMESPACE: 'pools', KUBEVIP_CONFIG_MAP: 'mine' };
  const flags = { 'leader-elect-resource-namespace': 'locks' };
  await createAll(generate({ env, flags, image: undefined, replicas: undefined, version: '1' }));
  const metadata = { namespace: 'pools', name: 'mine' };
  await cluster.admin.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: POOLS });
  await provesItself({
    configMap: { namespace: 'pools', name: 'mine' },
    election: {
      namespace: 'locks',
      leaseName: 'kube-vip-cloud-controller',
      identity: 'only',
      timing: { leaseDurationMs: 2_000, renewDeadlineMs: 1_200, retryPeriodMs: 200 },
    },
  });
});

it("works with the rights of kube-vip-cloud-provider's manifest", async () => {
  const roleRef = { apiGroup: RBAC, kind: 'ClusterRole', name: 'system:kube-vip-cloud-controller-role' };
  const subjects = [{ kind: 'ServiceAccount', ...ACCOUNT }];
  await createAll([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: ACCOUNT },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata: { name: roleRef.name },
      rules: PEERS_RULES,
    } as KubeObject,
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'b' },
      roleRef,
      subjects,
    } as KubeObject,
  ]);
  await cluster.setPools(POOLS);
  await provesItself();
});

it('shows the pools to whoever may list Services and get the ConfigMap', async () => {
  const roleRef = { apiGroup: RBAC, kind: 'ClusterRole', name: 'pools' };
  const rules = [
    { apiGroups: [''], resources: ['services'], verbs: ['list'] },
    { apiGroups: [''], resources: ['configmaps'], resourceNames: ['kubevip'], verbs: ['get'] },
  ];
  const subjects = [{ kind: 'ServiceAccount', ...ACCOUNT }];
  const of = (kind: string, rest: object) => ({ apiVersion: `${RBAC}/v1`, kind, ...rest }) as KubeObject;
  await createAll([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: ACCOUNT }]);
  const kubeconfig = await accountKubeconfig();
  const show = async () => {
    const told: string[] = [];
    const tell = (text: string) => told.push(text);
    const flags = { output: 'table', kubeconfig } as const;
    const code = await runPools({ flags, env: {}, version: '1', write: tell, warn: tell });
    return { code, text: told.join('\n') };
  };
  await cluster.setPools(POOLS);
  await cluster.expose();
  expect(await show()).toEqual({
    code: 1,
    text: expect.stringMatching(/^cloud-provider pools: .*forbidden.*$/),
  });
  await createAll([
    of('ClusterRole', { metadata: { name: roleRef.name }, rules }),
    of('ClusterRoleBinding', { metadata: { name: roleRef.name }, roleRef, subjects }),
  ]);
  await vi.waitFor(
    async () =>
      expect(await show()).toEqual({ code: 0, text: expect.stringMatching(/^global +range-global/m) }),
    { timeout: 10_000 },
  );
  // Whether there is an older ConfigMap may not be asked.
  await cluster.setPools(undefined);
  expect((await show()).text).toContain('ConfigMap kube-system/kubevip does not exist');
});
