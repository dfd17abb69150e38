// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import type { ProtectedPort, ProtectionModel, ProtectionPolicy, SynProxyMode } from '../policy.ts';
import { entryOf, portOf, servicesOf } from './policies.ts';

const address = fc.constantFrom('192.0.2.10', '192.0.2.11', '2001:db8::10');
const port = fc.record({
  address,
  protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  port: fc.constantFrom(80, 443),
});
const maybe = <T>(value: T) => fc.constantFrom(undefined, value);
const sources = fc.subarray(['198.51.100.0/24', '198.51.100.7', '2001:db8:1::/48'].map(entryOf));
const anyPolicy: fc.Arbitrary<ProtectionPolicy> = fc.record({
  sourceRanges: fc.option(
    sources.map((list) => list.map(({ range }) => range)),
    { nil: undefined },
  ),
  allowed: sources,
  blocked: sources,
  connectionRate: fc.constantFrom(undefined, { perSecond: 1, burst: 2 }, { perSecond: 5, burst: 10 }),
  openConnections: fc.constantFrom(undefined, 3, 4),
  blockForSeconds: maybe(60),
  synProxy: fc.constantFrom<SynProxyMode[]>('off', 'always', { abovePerSecond: 100 }),
  dropBogusFlags: fc.boolean(),
});
/** Often the same one, so that ports change and policies do not. */
const policy = fc.oneof(
  fc.constantFrom<Partial<ProtectionPolicy>[]>(
    { openConnections: 3 },
    { synProxy: 'always' },
    { dropBogusFlags: true },
  ),
  anyPolicy,
);
/** Random models, as small as may be while all kinds of changes happen: shared limits, moving ports, families that go. */
export const anyModel: fc.Arbitrary<ProtectionModel> = fc
  .record({
    services: fc.dictionary(
      fc.constantFrom('default/a', 'default/b', 'other/a'),
      fc.record({
        ports: fc.uniqueArray(port, { minLength: 1, selector: (each) => JSON.stringify(each) }),
        policy,
      }),
    ),
    closed: fc.uniqueArray(address),
  })
  .map(({ services, closed }) => {
    const taken = new Set<string>();
    const isFree = (each: ProtectedPort) =>
      !taken.has(JSON.stringify(each)) && taken.add(JSON.stringify(each));
    const own = Object.entries(services).map(
      ([key, { ports, policy }]) => [key, { ports: ports.filter(isFree), policy }] as const,
    );
    return {
      ...servicesOf(Object.fromEntries(own.filter(([, { ports }]) => ports.length > 0))),
      closed: new Map(closed.map((each) => [each, [portOf(each)]])),
    };
  });
