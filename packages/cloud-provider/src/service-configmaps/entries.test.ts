// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { allocatedService, service } from '../services/testing/services.ts';
import { renderEntries, saysTheSame, serviceEntries } from './entries.ts';

const CLASSLESS = { kind: 'classless' } as const;

function withPorts(one: Service, ...ports: readonly (readonly [number, string?])[]): Service {
  const listed = ports.map(([port, protocol]) => ({ port, ...(protocol !== undefined && { protocol }) }));
  return { ...one, spec: { ...one.spec, ports: listed } };
}

const vips = (one: Service) => serviceEntries(one, CLASSLESS).map(({ vip, port, type }) => [vip, port, type]);

describe('entries of a Service', () => {
  it('carry what plndr-cloud-provider wrote', () => {
    expect(renderEntries(serviceEntries(allocatedService('web', '10.0.0.1'), CLASSLESS))).toBe(
      '{"services":[{"vip":"10.0.0.1","port":80,"type":"TCP","uid":"uid-web","serviceName":"web"}]}',
    );
  });

  it('are one for each address and port, the first of each first', () => {
    const web = allocatedService('web', '10.0.0.1, FD00::1', { policy: 'RequireDualStack' });
    expect(vips(withPorts(web, [443, 'TCP'], [53, 'UDP'], [80]))).toEqual([
      ['10.0.0.1', 443, 'TCP'],
      ['10.0.0.1', 53, 'UDP'],
      ['10.0.0.1', 80, 'TCP'],
      ['fd00::1', 443, 'TCP'],
      ['fd00::1', 53, 'UDP'],
      ['fd00::1', 80, 'TCP'],
    ]);
  });

  it.each([
    ['has no address yet', service('web')],
    ['asks for one and was not given it yet', service('web', { annotation: '10.0.0.1' })],
    ['is of another type', allocatedService('web', '10.0.0.1', { type: 'ClusterIP' })],
    ['is of a class that is not ours', allocatedService('web', '10.0.0.1', { loadBalancerClass: 'x/y' })],
    ['is being deleted', allocatedService('web', '10.0.0.1', { deleted: true })],
    ['has no port', withPorts(allocatedService('web', '10.0.0.1'))],
    ['gets its address by DHCP', allocatedService('web', '0.0.0.0')],
    ['names a host', allocatedService('web', 'lb.example.org')],
  ])('are none when it %s', (_what, one) => expect(vips(one)).toEqual([]));

  it('are none when it is refused what it names', () => {
    const web = allocatedService('web', '10.0.0.1');
    const refuse = (message: string) => {
      const conditions = [{ type: 'fairlead.io/AddressAllocated', status: 'False', message }];
      return { ...web, status: { ...web.status, conditions } } as unknown as Service;
    };
    expect(vips(refuse('kube-vip.io/loadbalancerIPs=10.0.0.1: taken'))).toEqual([]);
    expect(vips(refuse('kube-vip.io/loadbalancerIPs=10.0.0.9: taken'))).toHaveLength(1);
  });
});

it('knows its own list again, and nothing else', () => {
  const entries = serviceEntries(allocatedService('web', '10.0.0.1'), CLASSLESS);
  expect(saysTheSame(JSON.stringify(JSON.parse(renderEntries(entries)), null, 2), entries)).toBe(true);
  expect(saysTheSame('{"services":null}', [])).toBe(true);
  for (const text of [undefined, '', 'banana', '[]', 'null', '{"services":[null]}', '{"services":7}']) {
    expect(saysTheSame(text, entries), String(text)).toBe(false);
  }
});
