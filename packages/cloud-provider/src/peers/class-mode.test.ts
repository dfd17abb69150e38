// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import type { ClassMode } from '../services/service-state.ts';
import { holding, onStage, type SubjectTraits, wanting } from './testing/scene.ts';

/*
 * Class mode: the peer's cases about syncing when needed (5), which edits count (6), whose Service it is (2) and what is to
 * be cleaned up (4). Several Services on few addresses (8) are in sharing.test.ts.
 */

const CLASS = 'kube-vip.io/kube-vip-class';
const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
const data = { 'cidr-global': '10.0.0.1/24' };
const mode: ClassMode = { kind: 'class', name: CLASS };
const OURS: SubjectTraits = { loadBalancerClass: CLASS };

/** Puts Services on a stage in class mode and returns one that came after them once it is served: all are dealt with. */
function afterAll(each: Service, look: (found: Service | undefined) => void): Promise<void> {
  return onStage({ data, mode }, async (stage) => {
    stage.put(each);
    stage.put(wanting('witness', { ...OURS, createdAt: '2027-01-01T00:00:00Z' }));
    await stage.until(() => expect(stage.addressesOf('witness')).toBeDefined());
    await stage.until(() => look(stage.get('subject')));
  });
}

function isLeftAlone(found: Service | undefined): void {
  expect(found?.metadata?.finalizers ?? []).toEqual([]);
  expect(found?.metadata?.labels).not.toHaveProperty('implementation');
  expect(found?.metadata?.annotations).not.toHaveProperty(['kube-vip.io/loadbalancerIPs']);
}

function isServed(found: Service | undefined): void {
  expect(found?.metadata?.finalizers).toEqual([FINALIZER]);
  expect(found?.metadata?.labels).toMatchObject({ implementation: 'kube-vip' });
  expect(found?.spec?.loadBalancerIP).toBe('10.0.0.1');
}

describe('a Service', () => {
  it('of the class gets finalizer, label and address', () => afterAll(wanting('subject', OURS), isServed));
  it('of the class that has the finalizer already keeps exactly one', () =>
    afterAll(wanting('subject', { ...OURS, finalizer: true }), isServed));
  it('without a class is left alone', () => afterAll(wanting('subject'), isLeftAlone));
  it('of another class is left alone', () =>
    afterAll(wanting('subject', { loadBalancerClass: 'example.org/other' }), isLeftAlone));
  it('of another type is left alone', () => afterAll(wanting('subject', { type: 'ClusterIP' }), isLeftAlone));
  it('of the class that is being deleted loses the finalizer, and goes', () =>
    afterAll(holding('subject', '10.0.0.1', { ...OURS, deleted: true }), (found) =>
      expect(found).toBeUndefined(),
    ));
  it('of the class that is being deleted before it was served goes', () =>
    afterAll(wanting('subject', { ...OURS, deleted: true }), (found) => expect(found).toBeUndefined()));
  it('of another class that is being deleted is not ours to let go', () =>
    afterAll(
      holding('subject', '10.0.0.9', { loadBalancerClass: 'example.org/other', deleted: true }),
      (found) => expect(found?.metadata?.finalizers).toEqual([FINALIZER]),
    ));
});

describe('a custom class', () => {
  it.each([
    ['example.org/lb', '10.0.0.1'],
    [CLASS, undefined],
  ])('%s: %s', (loadBalancerClass, address) =>
    onStage({ data, mode: { kind: 'class', name: 'example.org/lb' } }, async (stage) => {
      stage.put(wanting('subject', { loadBalancerClass }));
      stage.put(
        wanting('witness', { loadBalancerClass: 'example.org/lb', createdAt: '2027-01-01T00:00:00Z' }),
      );
      await stage.until(() => expect(stage.addressesOf('witness')).toBeDefined());
      expect(stage.addressesOf('subject')).toBe(address);
    }),
  );
});

/** Edits of a Service that has its address, and what it has afterwards (the peer syncs on these and keeps what it gave). */
describe('an edit of', () => {
  type Edit = readonly [what: string, edit: (each: Service) => Service, address: string];

  const spec = (change: NonNullable<Service['spec']>) => (each: Service) => ({
    ...each,
    spec: { ...each.spec, ...change },
  });

  it.each<Edit>([
    ['the source ranges keeps the address', spec({ loadBalancerSourceRanges: ['10.0.0.0/8'] }), '10.0.0.1'],
    ['the ports keeps the address', spec({ ports: [{ port: 81, protocol: 'TCP' }] }), '10.0.0.1'],
    ['the session affinity keeps the address', spec({ sessionAffinity: 'ClientIP' }), '10.0.0.1'],
    ['the external IPs keeps the address', spec({ externalIPs: ['192.0.2.1'] }), '10.0.0.1'],
    ['the traffic policy keeps the address', spec({ externalTrafficPolicy: 'Local' }), '10.0.0.1'],
    ['the health check port keeps the address', spec({ healthCheckNodePort: 34567 }), '10.0.0.1'],
    [
      'other annotations keeps the address',
      (each) => ({
        ...each,
        metadata: { ...each.metadata, annotations: { ...each.metadata?.annotations, 'example.org/x': 'y' } },
      }),
      '10.0.0.1',
    ],
    [
      'the address annotation is followed',
      (each) => ({
        ...each,
        metadata: {
          ...each.metadata,
          annotations: { ...each.metadata?.annotations, 'kube-vip.io/loadbalancerIPs': '10.0.0.7' },
        },
      }),
      '10.0.0.7',
    ],
  ])('%s', (_what, edit, address) =>
    onStage({ data, mode }, async (stage) => {
      stage.put(wanting('subject', OURS));
      await stage.until(() => expect(stage.addressesOf('subject')).toBe('10.0.0.1'));
      stage.rig.cluster.edit('subject', edit);
      stage.put(wanting('witness', { ...OURS, createdAt: '2027-01-01T00:00:00Z' }));
      await stage.until(() => expect(stage.addressesOf('witness')).toBeDefined());
      // In the spec it arrives last.
      await stage.until(() => expect(stage.get('subject')?.spec?.loadBalancerIP).toBe(address));
      expect(stage.addressesOf('subject')).toBe(address);
      expect(stage.warnings('subject')).toEqual([]);
    }),
  );

  it('its identity: made anew under the same name it is served anew', () =>
    onStage({ data, mode }, async (stage) => {
      stage.put(wanting('subject', OURS));
      await stage.until(() => expect(stage.addressesOf('subject')).toBe('10.0.0.1'));
      stage.rig.cluster.remove('subject');
      await stage.until(() => expect(stage.get('subject')).toBeUndefined());
      stage.put(wanting('subject', OURS));
      await stage.until(() => expect(stage.addressesOf('subject')).toBe('10.0.0.1'));
    }));
});
