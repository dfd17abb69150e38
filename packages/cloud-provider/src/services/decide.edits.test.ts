// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import type { ServiceTraits } from './testing/services.ts';
import { annotatedWith, type Data, FOUR, Stage, without } from './testing/stage.ts';

describe('the interface', () => {
  const data = (name: string): Data => ({ 'range-global': FOUR, 'interface-global': name });
  const link = (stage: Stage) => stage.get('a').metadata?.annotations?.['kube-vip.io/serviceInterface'];

  it('follows the ConfigMap', () => {
    const stage = new Stage({ 'range-global': FOUR });
    stage.add('a');
    for (const name of ['eth1', 'eth2']) {
      stage.pools(data(name)).sync('a');
      expect(link(stage)).toBe(name);
    }
    stage.pools({ 'range-global': FOUR }).sync('a');
    expect(link(stage)).toBeUndefined();
  });

  it.each<[string, ServiceTraits, string | undefined]>([
    ['of the user', { annotations: { 'kube-vip.io/serviceInterface': 'eth9' } }, 'eth9'],
    ['of a requested address', { annotation: '10.0.0.2' }, undefined],
    [
      'of the peer',
      {
        annotation: '10.0.0.1',
        loadBalancerIP: '10.0.0.1',
        labelled: true,
        finalizer: true,
        annotations: { 'kube-vip.io/serviceInterface': 'eth1' },
      },
      'eth1',
    ],
  ])('stays: %s', (_whose, traits, expected) => {
    const stage = new Stage(data('eth1'));
    stage.add('a', traits);
    stage.pools(data('eth2')).sync('a');
    expect(link(stage)).toBe(expected);
  });

  it('stays as the user changes or removes it', () => {
    for (const mine of ['eth9', undefined]) {
      const stage = new Stage(data('eth1'));
      stage.add('a');
      stage.edit('a', (each) => {
        const { 'kube-vip.io/serviceInterface': _old, ...rest } = each.metadata?.annotations ?? {};
        const annotations = { ...rest, ...(mine && { 'kube-vip.io/serviceInterface': mine }) };
        return { ...each, metadata: { ...each.metadata, annotations } };
      });
      stage.pools(data('eth2')).sync('a');
      expect(link(stage)).toBe(mine);
    }
  });
});

describe('what users take away', () => {
  it.each<[string, (service: Service) => Service]>([
    ['the annotation', (each) => without(each, 'kube-vip.io/loadbalancerIPs')],
    ['the spec', ({ spec, ...each }) => ({ ...each, spec: { ...spec, loadBalancerIP: '' } })],
    ['the label', (each) => ({ ...each, metadata: { ...each.metadata, labels: {} } })],
    ['the finalizer', (each) => ({ ...each, metadata: { ...each.metadata, finalizers: [] } })],
    ['where it came from', (each) => without(each, 'fairlead.io/allocated-from')],
    ['what was written', (each) => without(each, 'fairlead.io/last-applied')],
  ])('%s is put back, and the address stays', (_what, change) => {
    const stage = new Stage({ 'range-global': '10.0.0.1-10.0.0.4,fd00::1-fd00::4' });
    stage.add('other');
    stage.add('a', { policy: 'RequireDualStack' });
    const before = stage.get('a');
    stage.edit('a', change);
    stage.sync('a');
    const {
      'fairlead.io/allocated-from': _from,
      'fairlead.io/last-applied': _last,
      ...kept
    } = before.metadata?.annotations ?? {};
    expect(stage.get('a').metadata?.annotations).toMatchObject(kept);
    expect(stage.get('a').metadata?.labels).toMatchObject({ implementation: 'kube-vip' });
    expect(stage.get('a').metadata?.finalizers).toEqual(before.metadata?.finalizers);
    expect(stage.get('a').spec).toEqual(before.spec);
  });
});

describe('spec.loadBalancerIP of a Service that has an address', () => {
  const specifying = (loadBalancerIP: string) => (each: Service) => ({
    ...each,
    spec: { ...each.spec, loadBalancerIP },
  });
  const annotation = (stage: Stage) => stage.get('a').metadata?.annotations?.['kube-vip.io/loadbalancerIPs'];

  it('is a request when it is edited', () => {
    const stage = new Stage({ 'range-global': FOUR });
    stage.add('a');
    stage.edit('a', specifying('10.0.0.3'));
    expect(stage.sync('a')).toBe('10.0.0.3 from request');
    expect(annotation(stage)).toBe('10.0.0.3');
    stage.edit('a', specifying('10.0.0.4'));
    expect(stage.sync('a')).toBe('10.0.0.4 from request');
    expect(stage.add('b')).toBe('10.0.0.1 from global');
  });

  it('leaves what there is while it is refused, and is granted when the holder lets go', () => {
    const stage = new Stage({ 'range-global': FOUR });
    stage.add('a');
    stage.add('b');
    stage.edit('a', specifying('10.0.0.2'));
    const kept =
      /^10\.0\.0\.1 from global; spec\.loadBalancerIP=10\.0\.0\.2: 10\.0\.0\.2 belongs to Service default\/b/;
    expect(stage.sync('a')).toMatch(kept);
    expect(stage.sync('a')).toMatch(kept);
    expect(stage.get('a').spec?.loadBalancerIP).toBe('10.0.0.2');
    expect(annotation(stage)).toBe('10.0.0.1');
    expect(stage.add('c')).toBe('10.0.0.3 from global');
    stage.edit('b', annotatedWith('10.0.0.4'));
    stage.sync('b');
    expect(stage.sync('a')).toBe('10.0.0.2 from request');
  });

  it('changes nothing when it is no address, and gives way to the annotation', () => {
    const stage = new Stage({ 'range-global': FOUR });
    stage.add('a');
    stage.edit('a', specifying('banana'));
    expect(stage.sync('a')).toMatch(/^10\.0\.0\.1 from global; spec\.loadBalancerIP=banana/);
    stage.edit('a', annotatedWith('10.0.0.3'));
    expect(stage.sync('a')).toBe('10.0.0.3 from request');
    expect(stage.get('a').spec?.loadBalancerIP).toBe('10.0.0.3');
  });
});
