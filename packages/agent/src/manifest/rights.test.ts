// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DaemonSet, KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { ENDPOINT_SLICES, EVENTS, NAMESPACES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import {
  createRights,
  writeAccountKubeconfig,
} from '@fairlead/shared/kubernetes/testing/service-accounts.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually, serviceObject, sliceObject, TestCluster } from '../testing/agents.ts';
import { generate } from './generate.ts';

/*
 * An agent with the generated environment and no more than the generated rights serves a Service: an API server that
 * enforces them is asked as the service account.
 */

let cluster: TestCluster;
let folder: string;
beforeEach(async () => {
  cluster = await TestCluster.start(['n1']);
  folder = await mkdtemp(join(tmpdir(), 'fairlead-rights-'));
});
afterEach(async () => {
  await cluster.close();
  await rm(folder, { recursive: true, force: true });
});

it.each([
  { rights: 'of the whole cluster', flags: {}, namespace: 'kube-system', served: 'default', env: {} },
  {
    rights: 'of one namespace',
    flags: { role: 'true' },
    namespace: 'shop',
    served: 'shop',
    env: { svc_namespace: 'shop' },
  },
  {
    rights: 'bound in one namespace',
    flags: { rolebinding: 'true' },
    namespace: 'shop',
    served: 'shop',
    env: { svc_namespace: 'shop' },
  },
])('an agent serves with generated rights $rights', async ({ flags, namespace, served, env }) => {
  if (served !== 'default') {
    await cluster.client.create(NAMESPACES, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: served },
    });
  }
  const rights = generate('rbac', { env, flags }).objects;
  expect(await createRights(cluster.client, rights)).toEqual([]);
  const manager = {
    arp: 'true',
    services: 'true',
    servicesElection: 'true',
    interface: 'eth0',
    inCluster: 'true',
  };
  const [daemonSet] = generate('daemonset', { env, flags: manager }).objects as readonly DaemonSet[];
  const container = daemonSet?.spec?.template.spec?.containers[0];
  const generated = (container?.env ?? []).map(({ name, value }) => [name, value ?? 'n1'] as const);
  const kubeconfig = join(folder, 'kubeconfig');
  const account = { namespace, name: 'kube-vip' };
  await writeAccountKubeconfig(kubeconfig, cluster.client, account, cluster.server.kubeconfig());
  const started = await cluster.startAgent('n1', Object.fromEntries(generated), {
    kubeconfig,
    tokenNamespace: namespace,
  });

  const inServed = <T extends KubeObject>(object: T): T => ({
    ...object,
    metadata: { ...object.metadata, namespace: served },
  });
  await cluster.client.create(SERVICES, inServed(serviceObject('echo', '192.0.2.1')));
  await cluster.client.create(ENDPOINT_SLICES, inServed(sliceObject('echo', { '10.0.0.1': 'n1' })));
  await eventually('the Service has its address', async () => {
    const { status } = await cluster.client.get(SERVICES, { namespace: served, name: 'echo' });
    return status?.loadBalancer?.ingress?.[0]?.ip === '192.0.2.1';
  });
  await eventually('an Event tells of it', async () => {
    const { items } = await cluster.client.list(EVENTS, { namespace: served });
    return items.length > 0;
  });
  // Only after a list that was allowed is there a watch.
  await eventually('everything is watched', () =>
    ['services', 'endpointslices', 'nodes', 'leases'].every((watched) =>
      cluster.requests.some(
        ({ user, verb, resource }) =>
          user === `system:serviceaccount:${namespace}:kube-vip` && verb === 'watch' && resource === watched,
      ),
    ),
  );
  await started.stop();
});
