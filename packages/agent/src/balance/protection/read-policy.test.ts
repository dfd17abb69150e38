// SPDX-License-Identifier: Apache-2.0

import { formatRange } from '@fairlead/shared/address/range.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { policyOf } from './read-policy.ts';

function serviceWith(
  annotations: Readonly<Record<string, string>>,
  loadBalancerSourceRanges?: string[],
): Service {
  const spec = loadBalancerSourceRanges === undefined ? {} : { loadBalancerSourceRanges };
  return { metadata: { namespace: 'default', name: 'web', annotations: { ...annotations } }, spec };
}

const RATE = ANNOTATION.connectionRatePerSource;

describe('policyOf', () => {
  it('finds nothing to do in a Service that says nothing, or only whom it allows', () => {
    expect(policyOf(serviceWith({}))).toEqual({ policy: undefined, problems: [] });
    const harmless = {
      [ANNOTATION.allowSources]: '192.0.2.1',
      [ANNOTATION.blockFor]: '1m',
      [ANNOTATION.synProxy]: 'off',
    };
    expect(policyOf(serviceWith(harmless))).toEqual({ policy: undefined, problems: [] });
  });

  it.each([
    [RATE, '20', { connectionRate: { perSecond: 20, burst: 40 } }],
    [RATE, '20 burst 5', { connectionRate: { perSecond: 20, burst: 5 } }],
    [ANNOTATION.connectionsPerSource, '100', { openConnections: 100 }],
    [ANNOTATION.synProxy, 'always', { synProxy: 'always' }],
    [ANNOTATION.synProxy, 'above 1000', { synProxy: { abovePerSecond: 1_000 } }],
    [ANNOTATION.dropBogusFlags, 'true', { dropBogusFlags: true }],
  ])('reads %s: %s', (name, text, expected) => {
    const { policy, problems } = policyOf(serviceWith({ [name]: text }));
    expect(policy).toMatchObject(expected);
    expect(problems).toEqual([]);
  });

  it('reads how long offenders are blocked, beside a limit', () => {
    const annotations = { [RATE]: '20', [ANNOTATION.blockFor]: '1m30s' };
    expect(policyOf(serviceWith(annotations)).policy).toMatchObject({ blockForSeconds: 90 });
  });

  it.each([
    [RATE, '0'],
    [RATE, '-1'],
    [RATE, '20/s'],
    [RATE, '20 burst 0'],
    [RATE, '10000000'],
    [ANNOTATION.connectionsPerSource, 'many'],
    [ANNOTATION.blockFor, '0s'],
    [ANNOTATION.blockFor, '400h'],
    [ANNOTATION.synProxy, 'sometimes'],
    [ANNOTATION.synProxy, 'above 0'],
    [ANNOTATION.dropBogusFlags, 'maybe'],
    [ANNOTATION.blockSources, 'banana'],
  ])('tells that %s cannot be "%s", and goes on without it', (name, text) => {
    const { policy, problems } = policyOf(serviceWith({ [name]: text }));
    expect(policy).toBeUndefined();
    expect(problems).toEqual([{ reason: 'ProtectionInvalid', message: expect.stringContaining(name) }]);
    expect(problems[0]?.message).toContain(text);
  });

  it('keeps what can be read of a list, and tells the first that cannot', () => {
    const { policy, problems } = policyOf(
      serviceWith({ [ANNOTATION.blockSources]: '192.0.2.1, banana, 2001:db8::/32, cherry' }),
    );
    expect(policy?.blocked).toHaveLength(2);
    expect(problems).toEqual([
      { reason: 'ProtectionInvalid', message: expect.stringMatching(/2 of 4 ignored: .*banana/) },
    ]);
  });

  it('bounds how many sources one Service can name', () => {
    const sources = Array.from({ length: 6_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`).join(
      ',',
    );
    const { policy, problems } = policyOf(serviceWith({ [ANNOTATION.blockSources]: sources }));
    expect(policy?.blocked).toHaveLength(5_000);
    expect(problems[0]?.message).toContain('6000 entries');
  });

  it('takes source ranges from the spec, or else from the annotation that came before it', () => {
    const old = { 'service.beta.kubernetes.io/load-balancer-source-ranges': '198.51.100.0/24' };
    const ranges = (service: Service) => policyOf(service).policy?.sourceRanges?.map(formatRange);
    expect(ranges(serviceWith(old))).toEqual(['198.51.100.0-198.51.100.255']);
    expect(ranges(serviceWith(old, ['192.0.2.0/24']))).toEqual(['192.0.2.0-192.0.2.255']);
  });

  it('lets in nobody when no source range can be read', () => {
    const { policy, problems } = policyOf(serviceWith({}, ['banana']));
    expect(policy?.sourceRanges).toEqual([]);
    expect(problems[0]?.message).toContain('spec.loadBalancerSourceRanges');
  });
});
