// SPDX-License-Identifier: Apache-2.0
import { address, formatAddress } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Pool, poolContains } from '../pools/pool.ts';
import { poolOf } from '../pools/testing/pool-of.ts';
import { allocate } from './allocate.ts';
import type { FamilyRequest } from './families.ts';
import { Holdings } from './holdings.ts';
import type { SharingTerms } from './sharing.ts';
import { anyTerms, mayShare } from './testing/sharing-model.ts';

const SINGLE: FamilyRequest = { policy: 'SingleStack', families: [4] };
const DUAL: FamilyRequest = { policy: 'RequireDualStack', families: [4, 6] };

function terms(ports: string, change: Partial<SharingTerms> = {}): SharingTerms {
  return {
    namespace: 'default',
    acrossNamespaces: false,
    ports: ports === '' ? [] : ports.split(' '),
    settled: true,
    localSelector: undefined,
    selector: 'app=x',
    interface: '',
    ...change,
  };
}

/** Who holds what: addresses, ports of each Service (undefined: it does not share). */
type Held = readonly (readonly [addresses: string, ports: string | undefined])[];

function holdingsOf(held: Held): Holdings {
  const holdings = new Holdings({ restOf: () => 0 });
  held.forEach(([list, ports], i) => {
    const addresses = list.split(' ').map((text) => ({ ...address(text), standing: 'accepted' as const }));
    const sharing = ports === undefined ? undefined : terms(ports);
    holdings.observe({ service: `default/${i}`, addresses, createdAt: '2026-01-01T00:00:00Z', sharing }, 0);
  });
  return holdings;
}

function outcome(pool: Pool, held: Held, families: FamilyRequest, sharing: SharingTerms | undefined): string {
  const request = { service: 'default/new', families, preferred: [], sharing };
  const result = allocate(pool, request, holdingsOf(held), 0);
  return result.ok ? result.addresses.map(formatAddress).join() : result.reason;
}

describe('which address a Service joins', () => {
  const range = { 'range-global': '10.0.0.1-10.0.0.4' };
  it.each<[Record<string, string>, Held, string | undefined, string]>([
    [range, [['10.0.0.2', 'TCP/80']], 'TCP/443', '10.0.0.2'],
    [range, [['10.0.0.2', 'TCP/80']], 'TCP/80', '10.0.0.1'],
    [range, [['10.0.0.2', 'TCP/53']], 'UDP/53', '10.0.0.2'],
    [range, [['10.0.0.2', 'TCP/80']], undefined, '10.0.0.1'],
    [range, [['10.0.0.2', 'TCP/80']], '', '10.0.0.1'],
    [range, [['10.0.0.2', undefined]], 'TCP/443', '10.0.0.1'],
    // The lowest that it can join, and the highest where addresses are taken from there.
    [
      range,
      [
        ['10.0.0.4', 'TCP/80'],
        ['10.0.0.2', 'TCP/80'],
        ['10.0.0.3', 'TCP/443'],
      ],
      'TCP/443',
      '10.0.0.2',
    ],
    [
      { ...range, 'search-order': 'desc' },
      [
        ['10.0.0.4', 'TCP/443'],
        ['10.0.0.2', 'TCP/80'],
        ['10.0.0.3', 'TCP/80'],
      ],
      'TCP/443',
      '10.0.0.3',
    ],
    // All who share an address count.
    [
      range,
      [
        ['10.0.0.2', 'TCP/80'],
        ['10.0.0.2', 'TCP/443'],
        ['10.0.0.3', 'TCP/80'],
      ],
      'TCP/443',
      '10.0.0.3',
    ],
    // Only what the pool may give: neither others' addresses, nor avoided ones, nor .0 and .255.
    [range, [['10.9.9.9', 'TCP/80']], 'TCP/443', '10.0.0.1'],
    [{ ...range, 'avoid-global': '10.0.0.2' }, [['10.0.0.2', 'TCP/80']], 'TCP/443', '10.0.0.1'],
    [{ 'cidr-global': '10.0.0.0/24' }, [['10.0.0.0', 'TCP/80']], 'TCP/443', '10.0.0.1'],
    [{ 'cidr-global': '10.0.0.0/31' }, [['10.0.0.0', 'TCP/80']], 'TCP/443', '10.0.0.0'],
    // The lowest of the pool, not of its first source.
    [
      { 'cidr-global': '10.0.5.0/30', 'range-global': '10.0.0.1-10.0.0.2' },
      [
        ['10.0.5.1', 'TCP/80'],
        ['10.0.0.2', 'TCP/80'],
      ],
      'TCP/443',
      '10.0.0.2',
    ],
    // A full pool still has room for those who share.
    [{ 'range-global': '10.0.0.1-10.0.0.1' }, [['10.0.0.1', 'TCP/80']], 'TCP/443', '10.0.0.1'],
    [{ 'range-global': '10.0.0.1-10.0.0.1' }, [['10.0.0.1', 'TCP/80']], 'TCP/80', 'PoolExhausted'],
  ])('%j with %j, ports %s: %s', (data, held, ports, expected) => {
    const sharing = ports === undefined ? undefined : terms(ports);
    expect(outcome(poolOf(data), held, SINGLE, sharing)).toBe(expected);
  });

  it('shares in both families, and in one when the other one is in the way', () => {
    const pool = poolOf({ 'cidr-global': '10.0.0.2/31,2001:db8::/48' });
    const web: Held = [['10.0.0.2 2001:db8::', 'TCP/80 TCP/443']];
    expect(outcome(pool, web, DUAL, terms('TCP/8080'))).toBe('10.0.0.2,2001:db8::');
    const second: Held = [...web, ['10.0.0.3 2001:db8::1', 'TCP/80']];
    expect(outcome(pool, second, DUAL, terms('TCP/443'))).toBe('10.0.0.3,2001:db8::1');
    expect(outcome(pool, second, DUAL, terms('TCP/80'))).toBe('PoolExhausted');
    const mixed: Held = [
      ['10.0.0.2', 'TCP/80'],
      ['2001:db8::7', 'TCP/443'],
    ];
    expect(outcome(pool, mixed, DUAL, terms('TCP/80'))).toBe('10.0.0.3,2001:db8::7');
  });

  it('keeps what it had while that goes, and moves when its new ports clash', () => {
    const pool = poolOf(range);
    const holdings = holdingsOf([
      ['10.0.0.3', 'TCP/80'],
      ['10.0.0.3', 'TCP/443'],
      ['10.0.0.1', 'TCP/80'],
    ]);
    const ask = (ports: string) => {
      const preferred = [address('10.0.0.3')];
      const result = allocate(
        pool,
        { service: 'default/1', families: SINGLE, preferred, sharing: terms(ports) },
        holdings,
        0,
      );
      return result.ok && result.addresses.map(formatAddress).join();
    };
    expect(ask('TCP/443')).toBe('10.0.0.3');
    expect(ask('TCP/444')).toBe('10.0.0.3');
    expect(ask('TCP/80')).toBe('10.0.0.2');
  });

  it('is the lowest that nobody is disturbed at, among any others', () => {
    const pool = poolOf({ 'range-global': '10.0.0.250-10.0.1.6', 'avoid-global': '10.0.0.252,10.0.1.3' });
    const texts = ['10.0.0.250', '10.0.0.252', '10.0.0.255', '10.0.1.1', '10.0.1.2', '10.0.1.3', '10.0.1.9'];
    const held = fc.array(fc.tuple(fc.constantFrom(...texts), anyTerms), { maxLength: 12 });
    fc.assert(
      fc.property(held, anyTerms, (present, sharing) => {
        const holdings = new Holdings({ restOf: () => 0 });
        const model = new Map<string, SharingTerms[]>();
        present.forEach(([text, theirs], i) => {
          const others = model.get(text) ?? [];
          if (!others.every((other) => mayShare(other, theirs))) return;
          model.set(text, [...others, theirs]);
          const addresses = [{ ...address(text), standing: 'accepted' as const }];
          holdings.observe({ service: `a/${i}`, addresses, createdAt: '', sharing: theirs }, 0);
        });
        const joinable = [...model]
          .filter(([text]) => poolContains(pool, address(text)))
          .filter(([, theirs]) => sharing.ports.length > 0 && theirs.every((each) => mayShare(each, sharing)))
          .map(([text]) => text)
          .sort();
        const request = { service: 'a/new', families: SINGLE, preferred: [], sharing };
        const result = allocate(pool, request, holdings, 0);
        const got = result.ok ? result.addresses.map(formatAddress).join() : undefined;
        if (joinable.length > 0) expect(got).toBe(joinable[0]);
        else expect(model.has(got ?? '')).toBe(false);
      }),
    );
  });
});
