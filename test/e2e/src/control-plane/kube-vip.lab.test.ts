// SPDX-License-Identifier: Apache-2.0
import { LEASES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MEMBERS, Trio } from './trio.ts';

/** Nobody's pool: without a cloud provider a Service names its address itself. */
const SERVICE_ADDRESS = '172.18.0.160';

/** kube-vip's own DaemonSet, for control plane and Services at once, after a swap of the image. */
describe("a control plane with kube-vip's DaemonSet", () => {
  let trio: Trio;

  beforeAll(async () => {
    trio = await Trio.start({
      onlyMembers: true,
      daemonSet: {
        manifest: 'test/e2e/manifests/kube-vip-control-plane.yaml',
        name: 'kube-vip-ds',
        groupKey: false,
      },
    });
  });

  afterAll(async () => {
    await trio.stop();
  });

  const holderOf = async (name: string) =>
    (await trio.client.get(LEASES, { namespace: 'kube-system', name })).spec?.holderIdentity ?? '';

  it('has an owner by the Lease that kube-vip has', async () => {
    const owner = await trio.settled();
    expect(MEMBERS).toContain(owner);
    expect(await holderOf('plndr-cp-lock')).toBe(owner);
  });

  it('serves Services beside it', async () => {
    await trio.client.create(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        namespace: 'default',
        name: 'beside',
        annotations: {
          'kube-vip.io/loadbalancerIPs': SERVICE_ADDRESS,
          'kube-vip.io/allow-reconcile-without-endpoints': 'true',
        },
      },
      spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }] },
    });
    await trio.lab.waitFor(
      async () => {
        const { status } = await trio.client.get(SERVICES, { namespace: 'default', name: 'beside' });
        return status?.loadBalancer?.ingress?.[0]?.ip === SERVICE_ADDRESS;
      },
      { what: `Service default/beside to have ${SERVICE_ADDRESS}`, timeoutMs: 20_000 },
    );
    expect(MEMBERS).toContain(await holderOf('plndr-svcs-lock'));
  });

  it('goes on at the next node when the Lease has run out', async () => {
    const owner = await trio.settled();
    await trio.lab.partition(owner);
    try {
      await trio.serves();
      expect(await holderOf('plndr-cp-lock')).not.toBe(owner);
    } finally {
      await trio.lab.heal(owner);
    }
    expect(await trio.settled()).not.toBe(owner);
  });
});
