// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { holding, onStage, type Scene, type SubjectTraits, verdictOn, wanting } from './testing/scene.ts';

/*
 * Services that share addresses: the peer's cases about sharing candidates (part of the 31 about discovering addresses) and
 * about several Services on few addresses (8). The peer shares IPv4 alone, knows no protocol, and takes a random candidate.
 */

const SHARED = { 'allow-share-global': 'true' };
const RANGE = { 'range-global': '10.120.120.1-10.120.120.3' };

/** Services that come one after the other, and what each gets. */
type Arrival = readonly [name: string, traits: SubjectTraits, verdict: string];

/** `pending` stands for a Service that waits. */
function arrive(scene: Scene, arrivals: readonly Arrival[]): Promise<void> {
  return onStage(scene, async (stage) => {
    for (const [i, [name, traits, verdict]] of arrivals.entries()) {
      const createdAt = `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`;
      const { namespace = 'default' } = traits;
      stage.put(wanting(name, { createdAt, ...traits }));
      await stage.until(() => {
        const waits = stage.warnings(name, namespace).length > 0;
        expect([name, stage.addressesOf(name, namespace) ?? (waits ? 'pending' : '')]).toEqual([
          name,
          verdict,
        ]);
      });
    }
  });
}

describe('two addresses and many IPv6 ones, shared', () => {
  const scene = { data: { 'cidr-global': '10.0.0.2/31,2001::/48', ...SHARED } };
  const dual = { policy: 'RequireDualStack' } as const;

  it.each<readonly [string, readonly Arrival[]]>([
    ['one Service has an address to itself', [['a', { ports: ['80'] }, '10.0.0.2']]],
    [
      'another port joins',
      [
        ['a', { ports: ['80'] }, '10.0.0.2'],
        ['b', { ports: ['443'] }, '10.0.0.2'],
      ],
    ],
    [
      'the same port goes to the next address',
      [
        ['a', { ports: ['80'] }, '10.0.0.2'],
        ['b', { ports: ['80'] }, '10.0.0.3'],
      ],
    ],
    [
      'one port of several in common is enough',
      [
        ['a', { ports: ['80', '443'] }, '10.0.0.2'],
        ['b', { ports: ['443', '8443'] }, '10.0.0.3'],
      ],
    ],
    [
      'the same port on all addresses waits',
      [
        ['a', { ports: ['80'] }, '10.0.0.2'],
        ['b', { ports: ['80'] }, '10.0.0.3'],
        ['c', { ports: ['80'] }, 'pending'],
      ],
    ],
    [
      'others still join while one waits',
      [
        ['a', { ports: ['80'] }, '10.0.0.2'],
        ['b', { ports: ['80'] }, '10.0.0.3'],
        ['c', { ports: ['80'] }, 'pending'],
        ['d', { ports: ['443'] }, '10.0.0.2'],
        ['e', { ports: ['443'] }, '10.0.0.3'],
        ['f', { ports: ['443'] }, 'pending'],
      ],
    ],
    [
      'the same port under another protocol joins (the peer: a clash)',
      [
        ['a', { ports: ['TCP/53'] }, '10.0.0.2'],
        ['b', { ports: ['UDP/53'] }, '10.0.0.2'],
      ],
    ],
    [
      'both families are shared (the peer: IPv4 alone)',
      [
        ['a', { ...dual, ports: ['80'] }, '10.0.0.2,2001::'],
        ['b', { ...dual, ports: ['443'] }, '10.0.0.2,2001::'],
        ['c', { ...dual, ports: ['443'] }, '10.0.0.3,2001::1'],
        ['d', { ...dual, ports: ['443'] }, 'pending'],
        ['e', { ipFamilies: ['IPv6'], ports: ['443'] }, '2001::2'],
      ],
    ],
  ])('%s', (_what, arrivals) => arrive(scene, arrivals));
});

describe('a candidate is', () => {
  const holder = (traits: SubjectTraits = {}) =>
    holding('holder', '10.120.120.2', { ports: ['80'], ...traits });
  const candidate = wanting('subject', { ports: ['443'] });
  const joined = '10.120.120.2';
  const fresh = '10.120.120.1';

  it.each<readonly [string, Scene, string]>([
    ['joined where sharing is allowed to all', { data: { ...RANGE, ...SHARED }, others: [holder()] }, joined],
    [
      'joined where sharing is allowed to the namespace',
      { data: { ...RANGE, 'allow-share-default': 'true' }, others: [holder()] },
      joined,
    ],
    ['not joined without allow-share', { data: RANGE, others: [holder()] }, fresh],
    [
      'not joined where the namespace says no, whatever all say',
      { data: { ...RANGE, ...SHARED, 'allow-share-default': 'false' }, others: [holder()] },
      fresh,
    ],
    [
      'not joined where the value cannot be read',
      { data: { ...RANGE, 'allow-share-global': 'yes please' }, others: [holder()] },
      fresh,
    ],
    [
      'not joined by the same port',
      { data: { ...RANGE, ...SHARED }, others: [holder({ ports: ['443'] })] },
      fresh,
    ],
    [
      'not joined when it has no ports: it may get any',
      { data: { ...RANGE, ...SHARED }, others: [holder({ ports: [] })] },
      fresh,
    ],
    [
      'not joined in another namespace (the peer: joined)',
      { data: { ...RANGE, ...SHARED }, others: [holder({ namespace: 'other' })] },
      fresh,
    ],
    [
      'not joined outside the pool (the peer: joined)',
      {
        data: { ...RANGE, ...SHARED },
        others: [holding('elsewhere', '10.9.9.9', { ports: ['80'] })],
      },
      fresh,
    ],
    [
      'not joined when one of the two keeps to local pods (the peer: joined)',
      { data: { ...RANGE, ...SHARED }, others: [holder({ local: true, selector: { app: 'other' } })] },
      fresh,
    ],
    [
      'the lowest of several (the peer: a random one)',
      {
        data: { ...RANGE, ...SHARED },
        others: [
          holding('high', '10.120.120.3', { ports: ['80'] }),
          holding('low', '10.120.120.2', { ports: ['8080'] }),
        ],
      },
      joined,
    ],
    [
      'the highest of several with search-order desc',
      {
        data: { ...RANGE, ...SHARED, 'search-order': 'desc' },
        others: [
          holding('high', '10.120.120.2', { ports: ['80'] }),
          holding('low', '10.120.120.1', { ports: ['8080'] }),
        ],
      },
      joined,
    ],
  ])('%s', async (_what, scene, verdict) => {
    expect(await verdictOn(candidate, scene)).toBe(verdict);
  });

  it('joined across namespaces when both say so', async () => {
    const both = { annotations: { 'fairlead.io/share-across-namespaces': 'true' } };
    const others = [holder({ namespace: 'other', ...both })];
    const subject = wanting('subject', { ports: ['443'], ...both });
    expect(await verdictOn(subject, { data: { ...RANGE, ...SHARED }, others })).toBe(joined);
    expect(await verdictOn(candidate, { data: { ...RANGE, ...SHARED }, others })).toBe(fresh);
  });

  it('joined under local pods when both choose the same ones', async () => {
    const local = { local: true, selector: { app: 'web' } };
    const others = [holder(local)];
    const subject = wanting('subject', { ports: ['443'], ...local });
    expect(await verdictOn(subject, { data: { ...RANGE, ...SHARED }, others })).toBe(joined);
  });
});
