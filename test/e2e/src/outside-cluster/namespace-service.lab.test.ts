// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import {
  CONFIG_MAPS,
  DAEMON_SETS,
  DEPLOYMENTS,
  PODS,
  SERVICES,
} from '@fairlead/shared/kubernetes/resources.ts';
import { Lab } from '@fairlead/test-lab/lab.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { answersPerPod } from '@fairlead/test-lab/observer/tcp-judge.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyManifest, isRolledOut, MANIFESTS } from '../install.ts';
import { Narrator } from '../narrator.ts';
import { Stage } from '../stage.ts';

const AGENT = fileURLToPath(new URL('../../../../packages/agent/src/main.ts', import.meta.url));
const NAMESPACE = 'default';
const HOSTS = ['worker1', 'worker2', 'worker3'] as const;
const [VIP, OTHER_VIP, LISTED_VIP] = ['172.18.1.80', '172.18.1.81', '172.18.1.82'] as const;

/** The balancer of one namespace as kube-vip 0.1 had it: a ConfigMap, endpoints, user space; with the rights of our manifest. */
describe('the balancer of a namespace', () => {
  let lab: Lab;
  let client: Awaited<ReturnType<typeof connect>>;
  let observer: NeighborObserver;
  let stage: Stage;

  const entry = (vip: string, serviceName = 'web') => ({ vip, port: 80, type: 'TCP', uid: 'x', serviceName });

  const writeList = async (entries: readonly unknown[] | string): Promise<void> => {
    const text = typeof entries === 'string' ? entries : JSON.stringify({ services: entries });
    const ref = { namespace: NAMESPACE, name: 'plndr' };
    const present = await client.list(CONFIG_MAPS, {
      namespace: NAMESPACE,
      fieldSelector: 'metadata.name=plndr',
    });
    const [before] = present.items;
    const wanted = { apiVersion: 'v1', kind: 'ConfigMap', metadata: ref, data: { 'plndr-services': text } };
    if (before === undefined) await client.create(CONFIG_MAPS, wanted);
    else await client.replace(CONFIG_MAPS, { ...before, data: wanted.data });
  };

  const podOn = async (host: string): Promise<string> => {
    const labelSelector = 'app.kubernetes.io/name=fairlead-service';
    const { items } = await client.list(PODS, { namespace: NAMESPACE, labelSelector });
    const pod = items.find(({ spec, metadata }) => spec?.nodeName === host && !metadata?.deletionTimestamp);
    if (pod === undefined) throw new Error(`no agent runs on ${host}`);
    return pod.metadata?.name ?? '';
  };

  const ownerOf = (address: string) => {
    const mac = observer.ownerOf(address);
    return HOSTS.find((host) => hostOf(lab.plan, host).mac === mac);
  };

  const answers = (address: string) =>
    lab.waitFor(
      async () => (await lab.exec('client', ['curl', '-sfm', '1', `http://${address}/`])).code === 0,
      {
        what: `an answer at ${address}`,
        timeoutMs: 20_000,
        details: () => lab.logTails(),
      },
    );

  beforeAll(async () => {
    lab = await Lab.start({ workers: HOSTS.length });
    client = await connect({ kubeconfig: lab.kubeconfig });
    stage = new Stage(lab, client, new Narrator({ write: () => undefined }));
    await applyManifest(stage, MANIFESTS.echoApp);
    await stage.waitForPods(3);
    await client.create(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: NAMESPACE, name: 'web' },
      spec: { selector: { app: 'echo-app' }, ports: [{ name: 'http', port: 80, targetPort: 80 }] },
    });
    await writeList([entry(VIP)]);
    await applyManifest(stage, MANIFESTS.namespaceService);
    await stage.until(
      DAEMON_SETS,
      { namespace: NAMESPACE, name: 'fairlead-service' },
      (each) => isRolledOut(each) && each.status?.numberReady === HOSTS.length,
      60_000,
    );
  });

  beforeEach(async () => {
    observer = await lab.observeNeighbors({ addresses: [VIP, OTHER_VIP, LISTED_VIP] });
  });

  afterEach(async () => {
    await observer.stop();
    for (const address of [VIP, OTHER_VIP, LISTED_VIP])
      expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
  });

  afterAll(async () => {
    client?.close();
    await lab?.stop();
  });

  it('takes the address, and balances over the endpoints in turn', async () => {
    await answers(VIP);
    const prober = await lab.probeTcp({ target: `${VIP}:80`, count: 30 });
    const samples = await prober.finished();
    expect(samples.every(({ ok }) => ok)).toBe(true);
    expect(Object.values(answersPerPod(samples))).toEqual([10, 10, 10]);
  });

  it('follows the ConfigMap, and keeps what it has when that says nothing that can be read', async () => {
    await writeList([entry(VIP), entry(OTHER_VIP)]);
    await answers(OTHER_VIP);
    const owner = await lab.waitFor(() => ownerOf(OTHER_VIP), { what: `an owner of ${OTHER_VIP}` });
    expect(ownerOf(VIP)).toBe(owner);
    await writeList([entry(VIP), { ...entry(OTHER_VIP), vip: 'none' }]);
    await lab.waitFor(
      async () => (await lab.exec('client', ['curl', '-sfm', '1', `http://${OTHER_VIP}/`])).code !== 0,
      { what: `${OTHER_VIP} to be let go` },
    );
    await answers(VIP);
    await writeList('nothing');
    await lab.waitFor(
      async () => {
        const { stdout } = await lab.exec(owner, [process.execPath, AGENT, 'status', '--json']);
        return stdout.includes('ServiceListInvalid');
      },
      { what: 'the list to be found wrong' },
    );
    await answers(VIP);
    await writeList([entry(VIP)]);
  });

  it('follows the endpoints', async () => {
    const { items } = await client.list(PODS, { namespace: NAMESPACE, labelSelector: 'app=echo-app' });
    const [victim] = items;
    const name = victim?.metadata?.name ?? '';
    await client.remove(PODS, { namespace: NAMESPACE, name });
    await lab.waitFor(
      async () => {
        const prober = await lab.probeTcp({ target: `${VIP}:80`, count: 12 });
        const pods = Object.keys(answersPerPod(await prober.finished()));
        return pods.length === 3 && !pods.includes(name);
      },
      { what: 'the new pod instead of the old one', timeoutMs: 30_000 },
    );
  });

  it('moves with its Lease', async () => {
    await answers(VIP);
    const owner = await lab.waitFor(() => ownerOf(VIP), { what: `an owner of ${VIP}` });
    await client.remove(PODS, { namespace: NAMESPACE, name: await podOn(owner) });
    await lab.waitFor(() => ownerOf(VIP) !== owner, { what: `another owner of ${VIP}` });
    await answers(VIP);
  });

  it('serves what our cloud provider lists', async () => {
    const manager = { namespace: 'kube-system', name: 'kube-vip-cloud-provider' };
    await applyManifest(stage, MANIFESTS.cloudProvider);
    await applyManifest(stage, MANIFESTS.cloudProviderServiceConfigMaps);
    const pools = { 'range-global': `${LISTED_VIP}-${LISTED_VIP}` };
    const where = { namespace: 'kube-system', name: 'kubevip' };
    await client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: where, data: pools });
    const variable = 'FAIRLEAD_WRITE_SERVICE_CONFIGMAPS=true';
    await stage.kubectl(['set', 'env', '-n', manager.namespace, `deployment/${manager.name}`, variable]);
    await stage.until(DEPLOYMENTS, manager, ({ status }) => (status?.readyReplicas ?? 0) > 0, 60_000);
    await client.create(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: NAMESPACE, name: 'listed' },
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'echo-app' },
        ports: [{ name: 'http', port: 80, targetPort: 80 }],
      },
    });
    await answers(LISTED_VIP);
  });
});
