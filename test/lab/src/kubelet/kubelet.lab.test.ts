// SPDX-License-Identifier: Apache-2.0
/** The kubelet stand-in and the controllers with real namespaces and processes, against the embedded API server. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNotFound } from '@fairlead/shared/kubernetes/client.ts';
import type { KubeObject, Node, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  EVENTS,
  NODES,
  PODS,
  REPLICA_SETS,
  type Resource,
  SERVICES,
} from '@fairlead/shared/kubernetes/resources.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isPodReady } from '../controllers/model/pods.ts';
import { readProcess } from '../process/proc.ts';
import { waitFor } from '../wait.ts';
import { OneNode } from './testing/one-node.ts';

let cluster: OneNode;

beforeAll(async () => {
  cluster = await OneNode.start();
});

afterAll(async () => {
  await cluster.stop();
});

afterEach(async () => {
  const { items } = await cluster.client.list(PODS, { namespace: 'default' });
  for (const { metadata } of items) {
    await cluster.client
      .remove(PODS, { namespace: 'default', name: metadata?.name ?? '' }, { gracePeriodSeconds: 1 })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
  await waitFor(async () => (await cluster.client.list(PODS, { namespace: 'default' })).items.length === 0, {
    what: 'all pods to be gone',
    details: () => cluster.log,
  });
});

const PROBED = {
  readinessProbe: { httpGet: { path: '/healthz', port: 80 }, periodSeconds: 1, failureThreshold: 1 },
};
const container = (pod: Pod) => pod.status?.containerStatuses?.[0];
const pidOf = (pod: Pod) => Number(container(pod)?.containerID?.split('/').at(-1));
const post = (pod: Pod, path: string) =>
  cluster.onNode('curl', '-sS', '--fail', '-X', 'POST', `http://${pod.status?.podIP}/${path}`);

describe('a pod', () => {
  it('runs and is ready soon after it was created, reachable in both families', async () => {
    await cluster.createPod('quick', PROBED);
    await cluster.podThat('quick', 'to run', (pod) => pod.status?.phase === 'Running');
    const pod = await cluster.podThat('quick', 'to be ready', isPodReady);
    const [ipv4 = '', ipv6 = ''] = (pod.status?.podIPs ?? []).map((entry) => entry.ip);
    const reply = JSON.parse(await cluster.onNode('curl', '-sS', `http://${ipv4}/ip`));
    expect(reply).toMatchObject({ pod: 'quick', node: cluster.node, address: ipv4 });
    const second = JSON.parse(await cluster.onNode('curl', '-sS', `http://[${ipv6}]/ip`));
    expect(second).toMatchObject({ pod: 'quick', address: ipv6 });
  });

  it('sees its environment, its volumes and its token, and leaves no trace of them on the machine', async () => {
    await cluster.client.create(CONFIG_MAPS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { color: 'red' },
    });
    const token = '/var/run/secrets/kubernetes.io/serviceaccount';
    await cluster.createPod(
      'looker',
      {
        image: 'shell',
        args: [
          `{ hostname; echo $KUBERNETES_SERVICE_HOST; cat /data/color /etc/lab-settings/color; echo; ls ${token}; ` +
            `cat ${token}/namespace; ls / | head -3; } > /out/seen 2>&1; sleep 100`,
        ],
        volumeMounts: [
          { name: 'settings', mountPath: '/data' },
          { name: 'settings', mountPath: '/etc/lab-settings' },
          { name: 'out', mountPath: '/out' },
        ],
      },
      {
        volumes: [
          { name: 'settings', configMap: { name: 'settings' } },
          { name: 'out', emptyDir: {} },
        ],
      },
    );
    const pod = await cluster.podThat('looker', 'to run', (one) => one.status?.phase === 'Running');
    const file = join(cluster.folder, 'work/pods', pod.metadata?.uid ?? '', 'volumes/out/seen');
    const seen = await waitFor(
      () => {
        const text = readFileSync(file, 'utf8');
        return text.includes('default') ? text : undefined;
      },
      { what: 'the output of the pod' },
    );
    expect(seen).toContain('looker\n172.19.0.1\nredred\nca.crt\nnamespace\ntoken\ndefault');
    expect(readdirSync('/')).not.toContain('out');
    expect(readdirSync('/etc')).not.toContain('lab-settings');
  });

  it('turns unready and ready again with its probe', async () => {
    await cluster.createPod('moody', PROBED);
    const pod = await cluster.podThat('moody', 'to be ready', isPodReady);
    await post(pod, 'unready');
    await cluster.podThat('moody', 'to be unready', (one) => !isPodReady(one));
    await post(pod, 'ready');
    await cluster.podThat('moody', 'to be ready again', isPodReady);
    expect(container(await cluster.pod('moody'))?.restartCount).toBe(0);
  });

  it('is unready at once when its process dies, and restarted', async () => {
    await cluster.createPod('mortal', PROBED);
    const pod = await cluster.podThat('mortal', 'to be ready', isPodReady);
    process.kill(pidOf(pod), 'SIGKILL');
    const dead = await cluster.podThat('mortal', 'to be unready', (one) => !isPodReady(one), 1_000);
    expect(dead.status?.podIP).toBe(pod.status?.podIP);
    const again = await cluster.podThat('mortal', 'to be back', isPodReady);
    expect(container(again)).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 137, signal: 9, reason: 'Error' } },
    });
  });

  it('gets SIGTERM, its grace period, and SIGKILL when it will not go', async () => {
    const stubborn = "trap '' TERM; touch /out/deaf; while :; do sleep 0.1; done";
    await cluster.createPod(
      'stubborn',
      {
        image: 'shell',
        args: [stubborn],
        volumeMounts: [{ name: 'out', mountPath: '/out' }],
        readinessProbe: { exec: { command: ['test', '-e', '/out/deaf'] } },
      },
      { volumes: [{ name: 'out', emptyDir: {} }] },
    );
    const pod = await cluster.podThat('stubborn', 'to be deaf', isPodReady);
    const startMs = performance.now();
    await cluster.client.remove(PODS, { namespace: 'default', name: 'stubborn' }, { gracePeriodSeconds: 20 });
    await cluster.podThat('stubborn', 'to be ending', (one) => one.metadata?.deletionTimestamp !== undefined);
    // A second deletion with less grace shortens the first.
    await cluster.client.remove(PODS, { namespace: 'default', name: 'stubborn' }, { gracePeriodSeconds: 1 });
    await waitFor(() => cluster.pod('stubborn').then(() => false, isNotFound), {
      what: 'the pod to be gone',
    });
    expect(performance.now() - startMs).toBeGreaterThan(900);
    expect(readProcess(pidOf(pod))).toBeUndefined();
    expect(readdirSync('/run/netns').filter((name) => name.startsWith(`${cluster.node}-`))).toEqual([]);
  });

  it('says that an image is missing, and runs init containers before the others', async () => {
    await cluster.createPod('strange', { image: 'nginx:1' });
    await cluster.podThat(
      'strange',
      'to wait for its image',
      (pod) => container(pod)?.state?.waiting?.reason === 'ErrImagePull',
    );
    await waitFor(
      async () =>
        (await cluster.client.list(EVENTS, { namespace: 'default' })).items.some((event) =>
          event.message?.includes('Failed to pull image "nginx:1"'),
        ),
      { what: 'an event about the image' },
    );
    await cluster.createPod(
      'ordered',
      {
        image: 'shell',
        args: ['test -e /flag/set && exit 7'],
        volumeMounts: [{ name: 'flag', mountPath: '/flag' }],
      },
      {
        restartPolicy: 'Never',
        volumes: [{ name: 'flag', emptyDir: {} }],
        initContainers: [
          {
            name: 'first',
            image: 'shell',
            args: ['touch /flag/set'],
            volumeMounts: [{ name: 'flag', mountPath: '/flag' }],
          },
        ],
      },
    );
    const pod = await cluster.podThat('ordered', 'to end', (one) => one.status?.phase === 'Failed');
    expect(container(pod)?.state?.terminated?.exitCode).toBe(7);
  });

  it('is restarted when its liveness probe fails', async () => {
    const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 };
    await cluster.createPod('doomed', { image: 'shell', args: ['sleep 100'], livenessProbe });
    await cluster.podThat('doomed', 'to be restarted', (pod) => (container(pod)?.restartCount ?? 0) > 0);
  });
});

describe('a kubelet', () => {
  it('that is restarted adopts what runs and removes what was deleted meanwhile', async () => {
    // The start of the kubelet takes a busy machine longer than the controllers here would leave it the pod.
    await cluster.createPod('stays', PROBED, { tolerations: [{ operator: 'Exists' }] });
    await cluster.createPod('leaves', {});
    const before = await cluster.podThat('stays', 'to be ready', isPodReady);
    const other = await cluster.podThat('leaves', 'to be ready', isPodReady);
    await cluster.killKubelet();
    await cluster.client.remove(PODS, { namespace: 'default', name: 'leaves' }, { gracePeriodSeconds: 0 });
    await cluster.startKubelet();
    await waitFor(() => readProcess(pidOf(other)) === undefined, { what: 'the deleted pod to end' });
    const after = await cluster.podThat('stays', 'to be ready', isPodReady);
    expect(container(after)).toMatchObject({ restartCount: 0, containerID: container(before)?.containerID });
    process.kill(pidOf(after), 'SIGKILL');
    await cluster.podThat(
      'stays',
      'to be restarted',
      (pod) => container(pod)?.restartCount === 1 && isPodReady(pod),
    );
  });

  it('runs static pods from its folder', async () => {
    const file = join(cluster.folder, 'manifests/static.json');
    const static1 = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'static' },
      spec: { hostNetwork: true, containers: [{ name: 'main', image: 'echo-app' }] },
    };
    writeFileSync(file, JSON.stringify(static1));
    const reply = () => cluster.onNode('curl', '-sS', 'http://172.19.0.2/ip');
    expect(JSON.parse(await waitFor(reply, { what: 'the static pod' }))).toMatchObject({ pod: cluster.node });
    rmSync(file);
    await waitFor(
      () =>
        reply().then(
          () => false,
          () => true,
        ),
      { what: 'the static pod to end' },
    );
  });
});

describe('controllers and kubelet together', () => {
  it('run a Deployment behind a Service; a lost node loses its endpoints, then its pods', async () => {
    const labels = { app: 'web' };
    await cluster.client.create(DEPLOYMENTS, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [{ name: 'main', image: 'echo-app', ...PROBED }],
          },
        },
      },
    });
    await cluster.client.create(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: labels, ports: [{ port: 80 }] },
    });
    const ready = async () => {
      const { items } = await cluster.client.list(ENDPOINT_SLICES, {
        namespace: 'default',
        labelSelector: 'kubernetes.io/service-name=web',
      });
      return items.flatMap((slice) => slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready)
        .length;
    };
    await waitFor(async () => (await ready()) === 2, {
      what: 'two ready endpoints',
      details: () => cluster.log,
    });
    const { status } = await cluster.client.get(DEPLOYMENTS, { namespace: 'default', name: 'web' });
    expect(status).toMatchObject({ replicas: 2 });

    await cluster.killKubelet();
    const nodeReady = async () => readyStatus(await cluster.client.get(NODES, { name: cluster.node }));
    await waitFor(async () => (await nodeReady()) === 'Unknown', { what: 'the node to be Unknown' });
    await waitFor(async () => (await ready()) === 0, { what: 'no ready endpoint', timeoutMs: 1_000 });
    await waitFor(
      async () => {
        const { items } = await cluster.client.list(PODS, { namespace: 'default' });
        const bound = items.filter((pod) => pod.spec?.nodeName === cluster.node);
        return bound.length === 2 && bound.every((pod) => pod.metadata?.deletionTimestamp !== undefined);
      },
      { what: 'the pods to be evicted' },
    );

    await cluster.startKubelet();
    await waitFor(async () => (await nodeReady()) === 'True', { what: 'the node to be back' });
    await waitFor(async () => (await ready()) === 2, {
      what: 'two new ready endpoints',
      details: () => cluster.log,
    });

    await cluster.client.remove(
      DEPLOYMENTS,
      { namespace: 'default', name: 'web' },
      { propagationPolicy: 'Background' },
    );
    await cluster.client.remove(SERVICES, { namespace: 'default', name: 'web' });
    const collected: readonly Resource<KubeObject>[] = [REPLICA_SETS, PODS];
    for (const resource of collected) {
      await waitFor(
        async () => (await cluster.client.list(resource, { namespace: 'default' })).items.length === 0,
        {
          what: `all ${resource.plural} to be collected`,
        },
      );
    }
  });
});

function readyStatus(node: Node): string | undefined {
  return node.status?.conditions?.find((condition) => condition.type === 'Ready')?.status;
}
