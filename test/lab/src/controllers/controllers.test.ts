// SPDX-License-Identifier: Apache-2.0
/** The controllers as a whole against the embedded API server; pods are made ready by a fake kubelet. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import type { KubeObject, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import {
  CONFIG_MAPS,
  DAEMON_SETS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  ENDPOINTS,
  NAMESPACES,
  NODES,
  PODS,
  REPLICA_SETS,
  type Resource,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '@fairlead/shared/kubernetes/resources.ts';
import { type ApiServerHandle, createApiServer } from '@fairlead/test-apiserver/server.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../wait.ts';
import { startControllers } from './main.ts';
import { parseControllersOptions } from './options.ts';
import { startFakeKubelet } from './testing/fake-kubelet.ts';
import { node } from './testing/objects.ts';

let server: ApiServerHandle;
let client: KubeClient;
let folder: string;
let controllers: Promise<void>;
let stopKubelet: () => Promise<void>;
const stop = new AbortController();
const labels = { app: 'web' };

beforeAll(async () => {
  server = await createApiServer();
  folder = mkdtempSync(join(tmpdir(), 'fairlead-controllers-'));
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, server.kubeconfig());
  client = await connect({ kubeconfig });
  for (const name of ['control-plane', 'worker1', 'worker2']) {
    const taint = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };
    const { metadata, status, ...rest } = node(name, name === 'control-plane' ? { taints: [taint] } : {});
    await client.create(NODES, { ...rest, metadata: { name } });
    await client.patch(NODES, { name }, { status }, { type: 'merge', subresource: 'status' });
  }
  const started = Promise.withResolvers<void>();
  const args = ['--kubeconfig', kubeconfig, '--root-ca', server.pki.caCertificateFile, '--log-level', 'warn'];
  controllers = startControllers(parseControllersOptions(args), stop.signal, started.resolve);
  stopKubelet = startFakeKubelet(client);
  await started.promise;
});

afterAll(async () => {
  stop.abort();
  await stopKubelet();
  await controllers;
  client.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function newNamespace(name: string): Promise<void> {
  await client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

function deployment(namespace: string, replicas: number, image = 'echo-app:1') {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image }] } },
    },
  };
}

async function pods(namespace: string): Promise<readonly Pod[]> {
  return (await client.list(PODS, { namespace })).items;
}

const rolledOut = (namespace: string, replicas: number) =>
  waitFor(
    async () => {
      const { metadata, status } = await client.get(DEPLOYMENTS, { namespace, name: 'web' });
      return (
        status?.observedGeneration === metadata?.generation &&
        status?.availableReplicas === replicas &&
        status?.updatedReplicas === replicas &&
        status?.replicas === replicas
      );
    },
    { what: `${replicas} replicas in ${namespace}`, timeoutMs: 10_000, intervalMs: 20 },
  );

const empty = (namespace: string, resource: Resource<KubeObject>) =>
  waitFor(async () => (await client.list(resource, { namespace })).items.length === 0, {
    what: `no ${resource.plural} in ${namespace}`,
    timeoutMs: 10_000,
    intervalMs: 20,
  });

describe('controllers', () => {
  it('roll a Deployment out, scale it, roll it over, and never make a pod too many', async () => {
    await newNamespace('rollout');
    await client.create(DEPLOYMENTS, deployment('rollout', 5));
    await rolledOut('rollout', 5);
    const first = await pods('rollout');
    expect(first).toHaveLength(5);
    expect(new Set(first.map((pod) => pod.spec?.nodeName))).toEqual(new Set(['worker1', 'worker2']));
    await client.patch(
      DEPLOYMENTS,
      { namespace: 'rollout', name: 'web' },
      { spec: { replicas: 3 } },
      { type: 'merge' },
    );
    await rolledOut('rollout', 3);
    expect(first.map((pod) => pod.metadata?.name)).toEqual(
      expect.arrayContaining((await pods('rollout')).map((pod) => pod.metadata?.name)),
    );
    const current = await client.get(DEPLOYMENTS, { namespace: 'rollout', name: 'web' });
    await client.replace(DEPLOYMENTS, { ...current, spec: deployment('rollout', 3, 'echo-app:2').spec });
    await rolledOut('rollout', 3);
    const images = (await pods('rollout')).map((pod) => pod.spec?.containers[0]?.image);
    expect(images).toEqual(['echo-app:2', 'echo-app:2', 'echo-app:2']);
    expect((await client.list(REPLICA_SETS, { namespace: 'rollout' })).items).toHaveLength(2);
  });

  it('keep EndpointSlices and Endpoints of a Service, and remove both with it', async () => {
    await newNamespace('endpoints');
    await client.create(DEPLOYMENTS, deployment('endpoints', 2));
    await client.create(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'endpoints' },
      spec: { selector: labels, ports: [{ port: 80 }] },
    });
    await waitFor(
      async () => {
        const { items } = await client.list(ENDPOINT_SLICES, { namespace: 'endpoints' });
        const endpoints = items.flatMap((slice) => slice.endpoints ?? []);
        return items.length === 1 && endpoints.filter((endpoint) => endpoint.conditions?.ready).length === 2;
      },
      { what: 'one slice with two ready endpoints' },
    );
    const legacy = () => client.get(ENDPOINTS, { namespace: 'endpoints', name: 'web' });
    await waitFor(async () => (await legacy()).subsets?.[0]?.addresses?.length === 2, {
      what: 'two addresses',
    });
    await client.remove(SERVICES, { namespace: 'endpoints', name: 'web' });
    await empty('endpoints', ENDPOINT_SLICES);
    await empty('endpoints', ENDPOINTS);
  });

  it('run a DaemonSet on every node that admits it, and roll it over', async () => {
    await newNamespace('daemons');
    const daemonSet = (image: string) => ({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent', namespace: 'daemons' },
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: {
          metadata: { labels: { app: 'agent' } },
          spec: {
            hostNetwork: true,
            tolerations: [{ effect: 'NoSchedule', operator: 'Exists' }],
            containers: [{ name: 'main', image }],
          },
        },
      },
    });
    const created = await client.create(DAEMON_SETS, daemonSet('agent:1'));
    const ready = (image: string) =>
      waitFor(
        async () => {
          const { metadata, status } = await client.get(DAEMON_SETS, { namespace: 'daemons', name: 'agent' });
          const images = (await pods('daemons')).map((pod) => pod.spec?.containers[0]?.image);
          return (
            status?.observedGeneration === metadata?.generation &&
            status?.numberAvailable === 3 &&
            status.updatedNumberScheduled === 3 &&
            images.join() === [image, image, image].join()
          );
        },
        { what: `three pods of ${image}`, timeoutMs: 10_000 },
      );
    await ready('agent:1');
    expect((await pods('daemons')).map((pod) => pod.spec?.nodeName).toSorted()).toEqual([
      'control-plane',
      'worker1',
      'worker2',
    ]);
    const { spec } = daemonSet('agent:2');
    const latest = await client.get(DAEMON_SETS, { namespace: 'daemons', name: 'agent' });
    await client.replace(DAEMON_SETS, { ...latest, spec: { ...created.spec, ...spec } });
    await ready('agent:2');
  });

  it('delete dependents first in the foreground, and leave orphans alone', async () => {
    await newNamespace('owners');
    await client.create(DEPLOYMENTS, deployment('owners', 2));
    await rolledOut('owners', 2);
    await client.remove(DEPLOYMENTS, { namespace: 'owners', name: 'web' }, { propagationPolicy: 'Orphan' });
    await empty('owners', DEPLOYMENTS);
    const [set] = (await client.list(REPLICA_SETS, { namespace: 'owners' })).items;
    expect(set?.metadata?.ownerReferences ?? []).toEqual([]);
    expect(await pods('owners')).toHaveLength(2);
    await client.remove(
      REPLICA_SETS,
      { namespace: 'owners', name: set?.metadata?.name ?? '' },
      { propagationPolicy: 'Foreground' },
    );
    await empty('owners', REPLICA_SETS);
    expect(await pods('owners')).toEqual([]);
  });

  it('furnish a namespace, and empty it before it goes', async () => {
    await newNamespace('brief');
    await waitFor(() => client.get(SERVICE_ACCOUNTS, { namespace: 'brief', name: 'default' }), {
      what: 'the default service account',
    });
    const certificate = await waitFor(
      () => client.get(CONFIG_MAPS, { namespace: 'brief', name: 'kube-root-ca.crt' }),
      {
        what: 'the certificate',
      },
    );
    expect(certificate.data?.['ca.crt']).toBe(server.caCertificate);
    await client.create(DEPLOYMENTS, deployment('brief', 2));
    await rolledOut('brief', 2);
    await client.remove(NAMESPACES, { name: 'brief' });
    await waitFor(() => client.get(NAMESPACES, { name: 'brief' }).then(() => false, isNotFound), {
      what: 'the namespace to be gone',
      timeoutMs: 10_000,
    });
    expect(await pods('brief')).toEqual([]);
  });

  it('leave a pod pending that fits nowhere, and bind it when a node changes', async () => {
    await newNamespace('picky');
    const ref = { namespace: 'picky', name: 'picky' };
    await client.create(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: ref,
      spec: { nodeSelector: { disk: 'ssd' }, containers: [{ name: 'main', image: 'echo-app' }] },
    });
    const condition = async () =>
      (await client.get(PODS, ref)).status?.conditions?.find((c) => c.type === 'PodScheduled');
    await waitFor(async () => (await condition())?.reason === 'Unschedulable', { what: 'the verdict' });
    await client.patch(
      NODES,
      { name: 'worker2' },
      { metadata: { labels: { disk: 'ssd' } } },
      { type: 'merge' },
    );
    await waitFor(async () => (await client.get(PODS, ref)).spec?.nodeName === 'worker2', {
      what: 'the binding',
    });
  });
});
