// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { serviceObject } from '../testing/agents.ts';
import { canMoveAddresses } from './moving-change.ts';

const BEFORE = serviceObject('web', '192.0.2.7');

function annotated(name: string, value: string): Service {
  const annotations = { ...BEFORE.metadata?.annotations, [name]: value };
  return { ...BEFORE, metadata: { ...BEFORE.metadata, annotations } };
}

describe('a change of a Service', () => {
  const updated = (object: Service) => canMoveAddresses({ type: 'updated', object, previous: BEFORE });

  it('can move addresses when it says something else, or goes', () => {
    expect(canMoveAddresses({ type: 'deleted', object: BEFORE })).toBe(true);
    expect(updated(annotated('kube-vip.io/leaseName', 'team'))).toBe(true);
    expect(updated({ ...BEFORE, spec: { ...BEFORE.spec, externalTrafficPolicy: 'Local' } })).toBe(true);
    expect(updated({ ...BEFORE, metadata: { ...BEFORE.metadata, labels: { a: 'b' } } })).toBe(true);
  });

  it('cannot when it is new, or only tells what agents did', () => {
    expect(canMoveAddresses({ type: 'added', object: BEFORE })).toBe(false);
    expect(updated(annotated('kube-vip.io/vipHost', 'worker1'))).toBe(false);
    expect(updated(annotated('fairlead.io/dhcp-lease', '{}'))).toBe(false);
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } };
    const metadata = { ...BEFORE.metadata, resourceVersion: '8' };
    expect(updated({ ...BEFORE, metadata, status })).toBe(false);
  });
});
