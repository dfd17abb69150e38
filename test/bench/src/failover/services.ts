// SPDX-License-Identifier: Apache-2.0
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import type { Cluster } from '@fairlead/test-e2e/fixture.ts';
import { CONTROL_PLANE } from '@fairlead/test-lab/network/plan.ts';

/** Requests under way at the same time while Services are made. */
const WIDTH = 16;
const APP = 'echo-app-deployment';

/**
 * Puts the back ends where no agent runs: whatever node is lost, they survive. Resolves with the address of one of them.
 */
export async function pinBackends(cluster: Cluster): Promise<string> {
  const template = {
    nodeSelector: { 'kubernetes.io/hostname': CONTROL_PLANE },
    tolerations: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' }],
  };
  const patch = JSON.stringify({ spec: { replicas: 2, template: { spec: template } } });
  const { code, stderr } = await cluster.lab.kubectl(['patch', 'deployment', APP, '-p', patch]);
  if (code !== 0) throw new Error(`kubectl patch deployment ${APP}: ${stderr}`);
  const address = await cluster.lab.waitFor(
    async () => {
      const pods = await cluster.stage.readyPods();
      const isMoved = pods.length === 2 && pods.every(({ spec }) => spec?.nodeName === CONTROL_PLANE);
      return isMoved ? pods[0]?.status?.podIP : undefined;
    },
    { what: 'two back ends on the control plane, and no other', timeoutMs: 60_000 },
  );
  return address;
}

/** Creates so many Services in front of the echo application and waits until all have an address; the addresses. */
export async function exposeMany(cluster: Cluster, count: number): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, index) => `web-${index}`);
  const left = [...names];
  const lane = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      // Node ports would run out, and nobody needs them here.
      await cluster.expose(name, { allocateLoadBalancerNodePorts: false });
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, lane));
  return await cluster.lab.waitFor(
    async () => {
      const { items } = await cluster.client.list(SERVICES, { namespace: 'default' });
      const addresses = items.flatMap(({ status }) => status?.loadBalancer?.ingress?.[0]?.ip ?? []);
      return addresses.length === count ? addresses : undefined;
    },
    { what: `addresses for ${count} Services`, timeoutMs: 300_000, intervalMs: 500 },
  );
}
