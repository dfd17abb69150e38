// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import type { DnsMode } from '../dns/choose-addresses.ts';
import type { NameState } from '../dns/name-book.ts';
import { addressesOf } from './addresses.ts';

const NO_PROBLEMS = { ipv4: undefined, ipv6: undefined };
const stands = (ipv4: readonly string[], ipv6: readonly string[] = []): NameState => ({
  answer: { ipv4, ipv6 },
  problems: NO_PROBLEMS,
});
const fails = (...ipv4: readonly string[]): NameState => ({
  answer: ipv4.length === 0 ? undefined : { ipv4, ipv6: [] },
  problems: { ipv4: 'the resolver failed with ETIMEOUT', ipv6: 'the resolver failed with ETIMEOUT' },
});

interface Parts {
  readonly annotation?: string;
  readonly spec?: string;
  readonly status?: readonly string[];
}

function read(
  { annotation, spec, status = [] }: Parts,
  known: Readonly<Record<string, NameState>>,
  mode: DnsMode = 'first',
) {
  const annotations = annotation === undefined ? {} : { 'kube-vip.io/loadbalancerIPs': annotation };
  const service = {
    metadata: { name: 'echo', namespace: 'default', annotations },
    spec: { type: 'LoadBalancer', ...(spec === undefined ? {} : { loadBalancerIP: spec }) },
    status: { loadBalancer: { ingress: status.map((ip) => ({ ip })) } },
  } as unknown as Service;
  const { addresses, names, problems } = addressesOf(service, {
    names: { mode, stateOf: (name) => known[name] },
  });
  return { addresses, names, problems: problems.map(({ reason, message }) => `${reason}: ${message}`) };
}

describe('names among the addresses of a Service', () => {
  it('count with their addresses, after those that are written out', () => {
    const { addresses, names, problems } = read(
      { annotation: 'LB.example.org, 192.0.2.1' },
      { 'lb.example.org': stands(['192.0.2.7']) },
    );
    expect(addresses).toEqual(['192.0.2.1', '192.0.2.7']);
    expect(names).toEqual(['lb.example.org']);
    expect(problems).toEqual([]);
  });

  it('count in the spec as well, whatever the status says', () => {
    const known = { 'lb.example.org': stands(['192.0.2.8']) };
    expect(read({ spec: 'lb.example.org', status: ['192.0.2.7'] }, known).addresses).toEqual(['192.0.2.8']);
  });

  it('are what the status names until they are resolved, and while they cannot be', () => {
    const parts = { annotation: '192.0.2.1,lb.example.org', status: ['192.0.2.1', '192.0.2.7'] };
    expect(read(parts, {})).toMatchObject({ addresses: ['192.0.2.1', '192.0.2.7'], problems: [] });
    expect(read(parts, { 'lb.example.org': fails() })).toMatchObject({
      addresses: ['192.0.2.1', '192.0.2.7'],
      problems: [
        'NameUnresolved: lb.example.org cannot be resolved: the resolver failed with ETIMEOUT; 192.0.2.7 stays in use',
      ],
    });
    // Of two names nobody knows which one it was.
    const two = { annotation: 'lb.example.org,b.example.org', status: ['192.0.2.7'] };
    expect(read(two, {}).addresses).toEqual([]);
    expect(read(two, { 'b.example.org': stands(['192.0.2.7']) }).addresses).toEqual(['192.0.2.7']);
  });

  it('cost only themselves when they cannot be resolved', () => {
    const { addresses, problems } = read(
      { annotation: '192.0.2.1,lb.example.org,b.example.org' },
      { 'lb.example.org': fails(), 'b.example.org': stands(['192.0.2.9']) },
    );
    expect(addresses).toEqual(['192.0.2.1', '192.0.2.9']);
    expect(problems).toEqual([
      'NameUnresolved: lb.example.org cannot be resolved: the resolver failed with ETIMEOUT; it is asked for again',
    ]);
  });

  it('tell what is missing of what dns_mode asks for, and no more', () => {
    const known = { 'lb.example.org': stands(['192.0.2.7']) };
    const parts = { annotation: 'lb.example.org' };
    expect(read(parts, known, 'first').problems).toEqual([]);
    expect(read(parts, known, 'ipv4').problems).toEqual([]);
    expect(read(parts, known, 'dual')).toMatchObject({
      addresses: ['192.0.2.7'],
      problems: ['NameUnresolved: lb.example.org has no IPv6 address, and dns_mode is dual'],
    });
    expect(read(parts, known, 'ipv6')).toMatchObject({
      addresses: [],
      problems: ['NameUnresolved: lb.example.org has no IPv6 address, and dns_mode is ipv6'],
    });
    const half = {
      'lb.example.org': { ...known['lb.example.org'], problems: { ipv4: undefined, ipv6: 'x' } },
    };
    expect(read(parts, half, 'first').problems).toEqual([]);
    const other = {
      'lb.example.org': { ...known['lb.example.org'], problems: { ipv4: 'x', ipv6: undefined } },
    };
    expect(read(parts, other as never, 'first').problems).toEqual([
      'NameUnresolved: lb.example.org cannot be resolved: x; 192.0.2.7 stays in use',
    ]);
  });
});
