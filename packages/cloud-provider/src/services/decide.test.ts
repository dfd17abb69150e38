// SPDX-License-Identifier: Apache-2.0
import { formatAddress } from '@fairlead/shared/address/address.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { Holdings } from '../allocator/holdings.ts';
import { parsePools } from '../pools/parse.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { type ClassMode, claimOf } from './service-state.ts';
import { allocatedService, service } from './testing/services.ts';

const RANGE = { 'range-global': '172.18.0.200-172.18.0.202' };

interface Given {
  readonly data?: Record<string, string>;
  readonly others?: readonly Service[];
  readonly mode?: ClassMode;
}

function decided(
  subject: Service,
  { data = RANGE, others = [], mode = { kind: 'classless' } }: Given = {},
): Decision {
  const holdings = new Holdings({ restOf: () => 0 });
  for (const each of [...others, subject]) holdings.observe(claimOf(each), 0);
  const pools = parsePools('missing' in data ? undefined : data);
  return decide(subject, { pools, holdings, mode, configMap: 'kube-system/kubevip', nowMs: 0, wallMs: 0 });
}

/** `assign 172.18.0.200`, `refuse Reason: message`, `release everything`, `leave`. */
function summary(decision: Decision): string {
  if (decision.kind === 'assign')
    return `assign ${decision.addresses.map(formatAddress).join()} by ${decision.origin}`;
  if (decision.kind === 'refuse') return `refuse ${decision.reason}: ${decision.message}`;
  return decision.kind === 'release' ? `release ${decision.only}` : decision.kind;
}

describe('a Service without an address', () => {
  it('gets the lowest free one', () => {
    expect(summary(decided(service('a')))).toBe('assign 172.18.0.200 by pool');
  });

  it.each<[string, Service]>([
    ['an annotation', service('b', { annotation: '172.18.0.200' })],
    ['spec.loadBalancerIP without a label', service('b', { loadBalancerIP: '172.18.0.200' })],
    ['a status', service('b', { ingress: ['172.18.0.200'] })],
    ['another class', service('b', { ingress: ['172.18.0.200'], loadBalancerClass: 'example.org/other' })],
    ['another namespace', service('b', { namespace: 'elsewhere', annotation: '172.18.0.200' })],
    ['a list with a broken neighbour', service('b', { annotation: 'banana, 172.18.0.200,' })],
  ])('does not get what another Service holds by %s', (_how, other) => {
    expect(summary(decided(service('a'), { others: [other] }))).toBe('assign 172.18.0.201 by pool');
  });

  it('keeps the address its status shows when its pool has it', () => {
    expect(summary(decided(service('a', { ingress: ['172.18.0.202'] })))).toBe('assign 172.18.0.202 by pool');
    expect(summary(decided(service('a', { ingress: ['10.0.0.1'] })))).toBe('assign 172.18.0.200 by pool');
  });

  it('gets the interface of its namespace', () => {
    const data = { ...RANGE, 'interface-global': 'eth0', 'interface-default': 'eth1' };
    expect(decided(service('a'), { data })).toMatchObject({ kind: 'assign', interface: 'eth1' });
  });
});

describe('refusals name the reason and the key', () => {
  const full = ['200', '201', '202'].map((end) => allocatedService(`s${end}`, `172.18.0.${end}`));
  it.each<[Record<string, string>, string, readonly Service[]]>([
    [
      { 'range-global': 'banana' },
      'PoolInvalid: ConfigMap kube-system/kubevip .*range-global=banana: "banana" is not an address range; expected',
      [],
    ],
    [{ 'range-global': '' }, 'PoolEmpty: .*range-global=: is empty; expected one or more ranges', []],
    [{ 'cidr-default': ' , ', ...RANGE }, 'PoolEmpty: .*cidr-default=', []],
    [{ 'cidr-default': '10.0.0.0/99', ...RANGE }, 'PoolInvalid: .*cidr-default=10.0.0.0/99', []],
    [
      {},
      'NoPool: ConfigMap kube-system/kubevip has no address pool for namespace default; expected one of the keys cidr-default, range-default, cidr-global, range-global',
      [],
    ],
    [{ 'range-other': '10.0.0.1-10.0.0.2' }, 'NoPool: .* namespace default', []],
    [{ missing: '' }, 'NoPool: ConfigMap kube-system/kubevip does not exist', []],
    [RANGE, 'PoolExhausted: all 3 IPv4 addresses of range-global=172.18.0.200-172.18.0.202 .* in use', full],
    [
      { 'range-global': '172.18.0.200-172.18.0.202,banana' },
      'PoolExhausted: .*also: range-global=.*"banana"',
      full,
    ],
  ])('%j: %s', (data, expected, others) => {
    expect(summary(decided(service('a'), { data, others }))).toMatch(new RegExp(`^refuse ${expected}`));
  });

  it('says which family is missing', () => {
    expect(summary(decided(service('a', { ipFamilies: ['IPv6'] })))).toMatch(
      /^refuse NoPool: the Service needs IPv6, but range-global=.* has IPv4 addresses only/,
    );
  });
});

describe('a requested address', () => {
  it.each<[Parameters<typeof service>[1], string]>([
    [{ annotation: '172.18.0.202' }, 'assign 172.18.0.202 by request'],
    [{ loadBalancerIP: '172.18.0.202' }, 'assign 172.18.0.202 by request'],
    [{ loadBalancerIP: '10.9.9.9' }, 'assign 10.9.9.9 by request'],
    [{ annotation: '172.18.0.201', loadBalancerIP: '172.18.0.202' }, 'assign 172.18.0.201 by request'],
    [
      { annotation: ' 172.18.0.201 , fe80::1', policy: 'PreferDualStack' },
      'assign 172.18.0.201,fe80::1 by request',
    ],
    [{ annotation: 'lb.example.org' }, 'assign  by request'],
    [{ annotation: '0.0.0.0', ipFamilies: ['IPv6'] }, 'assign 0.0.0.0 by request'],
    [
      { annotation: 'banana' },
      'refuse InvalidRequest: kube-vip.io/loadbalancerIPs=banana: "banana" is not an IP address; expected',
    ],
    [
      { loadBalancerIP: 'banana' },
      'refuse InvalidRequest: spec.loadBalancerIP=banana: "banana" is not an IP address',
    ],
    [{ loadBalancerIP: 'lb.example.org' }, 'refuse InvalidRequest: spec.loadBalancerIP='],
    [{ annotation: '10.0.0.300' }, 'refuse InvalidRequest: kube-vip.io/loadbalancerIPs=10.0.0.300'],
    [{ annotation: ',' }, 'refuse InvalidRequest'],
    [
      { loadBalancerIP: 'fe80::1', ipFamilies: ['IPv4'] },
      'refuse InvalidRequest: spec.loadBalancerIP=fe80::1',
    ],
  ])('%j: %s', (options, expected) => {
    expect(summary(decided(service('a', options)))).toContain(expected);
  });

  it('is refused to the later Service when another holds it, with the name of the holder', () => {
    const holder = service('holder', { annotation: '172.18.0.202', createdAt: '2026-01-01T00:00:00Z' });
    const later = service('later', { loadBalancerIP: '172.18.0.202', createdAt: '2026-01-02T00:00:00Z' });
    expect(summary(decided(later, { others: [holder] }))).toMatch(
      /^refuse AddressConflict: spec.loadBalancerIP=172.18.0.202: .* belongs to Service default\/holder/,
    );
    expect(summary(decided(holder, { others: [later] }))).toBe('assign 172.18.0.202 by request');
  });

  it('is refused even to an older Service when it was assigned before', () => {
    const holder = allocatedService('holder', '172.18.0.202', { createdAt: '2026-01-02T00:00:00Z' });
    const older = service('older', {
      annotation: '172.18.0.202',
      createdAt: '2026-01-01T00:00:00Z',
      ingress: ['172.18.0.202'],
    });
    expect(summary(decided(older, { others: [holder] }))).toContain('refuse AddressConflict');
    expect(summary(decided(holder, { others: [older] }))).toContain('assign');
  });

  it('stays accepted when the families of the Service change', () => {
    const both = allocatedService('a', '172.18.0.200,fe80::1', { ipFamilies: ['IPv4'] });
    expect(summary(decided(both))).toContain('assign');
  });
});

describe('what is not ours', () => {
  const kubeVip: ClassMode = { kind: 'class', name: 'kube-vip.io/kube-vip-class' };
  it.each<[string, Service, ClassMode | undefined, string]>([
    ['a ClusterIP', service('a', { type: 'ClusterIP' }), undefined, 'leave'],
    [
      'a ClusterIP with an address of the user',
      service('a', { type: 'ClusterIP', annotation: '1.2.3.4' }),
      undefined,
      'leave',
    ],
    ['another class', service('a', { loadBalancerClass: 'example.org/x' }), undefined, 'leave'],
    [
      'another class, deleted',
      service('a', { loadBalancerClass: 'example.org/x', finalizer: true, deleted: true }),
      undefined,
      'leave',
    ],
    ['no class, in class mode', service('a'), kubeVip, 'leave'],
    [
      'our class, in class mode',
      service('a', { loadBalancerClass: kubeVip.name }),
      kubeVip,
      'assign 172.18.0.200 by pool',
    ],
    [
      'no class any more, in class mode',
      allocatedService('a', '172.18.0.200', { type: 'ClusterIP' }),
      kubeVip,
      'release everything',
    ],
  ])('%s', (_what, subject, mode, expected) => {
    expect(summary(decided(subject, mode && { mode }))).toBe(expected);
  });
});

describe('giving back', () => {
  it.each<[string, Service, string]>([
    ['type changed', allocatedService('a', '172.18.0.200', { type: 'ClusterIP' }), 'release everything'],
    [
      'type changed before an address was there',
      service('a', { type: 'NodePort', finalizer: true }),
      'release finalizer',
    ],
    ['deleted', allocatedService('a', '172.18.0.200', { deleted: true }), 'release finalizer'],
    ['deleted without an address', service('a', { deleted: true, finalizer: true }), 'release finalizer'],
    ['deleted, held up by others', service('a', { deleted: true }), 'leave'],
  ])('%s', (_what, subject, expected) => expect(summary(decided(subject))).toBe(expected));
});
