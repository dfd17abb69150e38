// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { holding, onStage, type Scene, wanting } from './testing/scene.ts';

/*
 * What one sync leaves behind: the peer's cases about syncing a load balancer (9): adoption of older Services, an address
 * set before, a new one, the interface. Sharing is in sharing.test.ts.
 */

const ADDRESSES = 'kube-vip.io/loadbalancerIPs';
const INTERFACE = 'kube-vip.io/serviceInterface';
const data = { 'cidr-global': '10.120.120.1/24' };

/** The Service as the sync leaves it. */
function synced(subject: Service, scene: Scene): Promise<Service> {
  return onStage(scene, async (stage) => {
    stage.put(subject);
    await stage.until(() => expect(stage.get('subject')?.metadata?.finalizers).toHaveLength(1));
    await stage.until(() => expect(stage.addressesOf('subject')).toBeDefined());
    return stage.get('subject') ?? subject;
  });
}

describe('a Service of an older version', () => {
  it('with spec.loadBalancerIP alone gets annotation and label, and loses the old label', async () => {
    const subject = wanting('subject', {
      loadBalancerIP: '192.168.1.1',
      labels: { 'ipam-address': '192.168.1.1' },
    });
    const after = await synced(subject, { data });
    expect(after.metadata?.annotations).toMatchObject({ [ADDRESSES]: '192.168.1.1' });
    expect(after.metadata?.labels).not.toHaveProperty('ipam-address');
    // The peer does not set it here, and so does not see the address as used.
    expect(after.metadata?.labels).toMatchObject({ implementation: 'kube-vip' });
    expect(after.spec?.loadBalancerIP).toBe('192.168.1.1');
  });

  it('with an empty annotation gets the one of its spec', async () => {
    const subject = wanting('subject', { loadBalancerIP: '192.168.1.1', annotation: '' });
    const after = await synced(subject, { data });
    expect(after.metadata?.annotations).toMatchObject({ [ADDRESSES]: '192.168.1.1' });
  });

  it('that has annotation, label and spec already is only kept', async () => {
    const subject = holding('subject', '192.168.1.1');
    const after = await synced(subject, { data });
    expect(after.metadata?.annotations).toMatchObject({ [ADDRESSES]: '192.168.1.1' });
    expect(after.spec).toEqual(subject.spec);
  });
});

describe('a Service whose address was set before', () => {
  it.each(['192.168.1.1', '192.168.1.1,fd00::1', 'fd00::1,192.168.1.1'])(
    'keeps %s and gets the label',
    async (text) => {
      const subject = wanting('subject', { annotation: text, policy: 'PreferDualStack' });
      const after = await synced(subject, { data });
      expect(after.metadata?.annotations).toMatchObject({ [ADDRESSES]: text });
      expect(after.metadata?.labels).toMatchObject({ implementation: 'kube-vip' });
      expect(after.spec?.loadBalancerIP).toBe(text.split(',')[0]);
    },
  );
});

describe('a new Service', () => {
  it('gets label, annotation and spec in one', async () => {
    const after = await synced(wanting('subject'), { data });
    expect(after.metadata?.labels).toMatchObject({ implementation: 'kube-vip' });
    expect(after.metadata?.annotations).toMatchObject({ [ADDRESSES]: '10.120.120.1' });
    expect(after.spec?.loadBalancerIP).toBe('10.120.120.1');
    expect(after.metadata?.annotations).not.toHaveProperty(INTERFACE);
  });

  it.each<readonly [string, Readonly<Record<string, string>>, string]>([
    ['of its namespace', { 'interface-default': 'eth1', 'interface-global': 'eth0' }, 'eth1'],
    ['of all', { 'interface-other': 'eth1', 'interface-global': 'eth0' }, 'eth0'],
  ])('gets the interface %s', async (_whose, interfaces, name) => {
    const after = await synced(wanting('subject'), { data: { ...data, ...interfaces } });
    expect(after.metadata?.annotations).toMatchObject({ [INTERFACE]: name });
  });

  it('keeps the interface that its author wrote', async () => {
    const subject = wanting('subject', { annotations: { [INTERFACE]: 'eth7' } });
    const after = await synced(subject, { data: { ...data, 'interface-global': 'eth0' } });
    expect(after.metadata?.annotations).toMatchObject({ [INTERFACE]: 'eth7' });
  });
});
