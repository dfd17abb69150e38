// SPDX-License-Identifier: Apache-2.0
import { address } from '@fairlead/shared/address/address.ts';
import { expect, it } from 'vitest';
import type { Assignment } from './decision.ts';
import { allocatedService, service } from './testing/services.ts';
import { withAssignment, withoutAssignment } from './write.ts';

function assignment(text: string, eth?: string): Assignment {
  const addresses = text.split(',').map(address);
  return {
    kind: 'assign',
    origin: 'pool',
    allocatedFrom: 'global',
    addresses,
    annotation: text,
    requested: undefined,
    drains: [],
    sharedPorts: undefined,
    interface: eth,
    exhausted: [],
    need: undefined,
    coolingUntilMs: undefined,
    notes: [],
    moves: [],
  };
}

it('writes annotation, spec, label and finalizer together and keeps everything else', () => {
  const before = service('a');
  const after = withAssignment(before, assignment('10.0.0.1,fe80::1', 'eth1'));
  expect(after).toEqual({
    ...before,
    metadata: {
      ...before.metadata,
      labels: { app: 'a', implementation: 'kube-vip' },
      annotations: {
        'example.org/keep': 'yes',
        'fairlead.io/allocated-from': 'global',
        'fairlead.io/last-applied': '{"addresses":"10.0.0.1,fe80::1","interface":"eth1"}',
        'kube-vip.io/loadbalancerIPs': '10.0.0.1,fe80::1',
        'kube-vip.io/serviceInterface': 'eth1',
      },
      finalizers: ['service.kubernetes.io/load-balancer-cleanup'],
    },
    spec: { ...before.spec, loadBalancerIP: '10.0.0.1' },
  });
});

it('writes nothing when all is there, however the address is spelled', () => {
  expect(withAssignment(allocatedService('a', '10.0.0.1'), assignment('10.0.0.1', 'eth1'))).toBeUndefined();
  const spelled = allocatedService('a', '2001:db8::1', { loadBalancerIP: '2001:DB8:0::1' });
  expect(withAssignment(spelled, assignment('2001:db8::1'))).toBeUndefined();
});

it('adopts a Service of the peers that lacks the label, and drops the old label', () => {
  const old = allocatedService('a', '10.0.0.1', { labelled: false });
  const legacy = { ...old, metadata: { ...old.metadata, labels: { 'ipam-address': '10.0.0.1' } } };
  expect(withAssignment(legacy, assignment('10.0.0.1'))?.metadata?.labels).toEqual({
    implementation: 'kube-vip',
  });
});

it('lets spec.loadBalancerIP follow the annotation', () => {
  const edited = allocatedService('a', '10.0.0.2', { loadBalancerIP: '10.0.0.1' });
  expect(withAssignment(edited, assignment('10.0.0.2'))?.spec?.loadBalancerIP).toBe('10.0.0.2');
});

it('takes away every trace of an address, and nothing else', () => {
  const traits = { type: 'ClusterIP', createdAt: '2026-01-01T00:00:00Z' } as const;
  const after = withoutAssignment(allocatedService('a', '10.0.0.1', traits), 'everything');
  const untouched = service('a', traits);
  expect(after).toEqual({ ...untouched, metadata: { ...untouched.metadata, finalizers: [] } });
});

it('takes away the finalizer alone from a Service that is being deleted', () => {
  const dying = allocatedService('a', '10.0.0.1', { deleted: true });
  const after = withoutAssignment(dying, 'finalizer');
  expect(after).toEqual({ ...dying, metadata: { ...dying.metadata, finalizers: [] } });
});
