// SPDX-License-Identifier: Apache-2.0
import { type Address, address, type Family } from '@fairlead/shared/address/address.ts';
import { formatRange } from '@fairlead/shared/address/range.ts';
import { REASON } from '@fairlead/shared/kubernetes/contract.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePools } from './parse.ts';
import { formatProblem, interfaceFor, poolContains, poolSize } from './pool.ts';
import { poolOf } from './testing/pool-of.ts';

/** `{ key: [ranges of both families] }` of a scope, and the problems as text. */
function read(data: Record<string, string>, scope = 'global') {
  const pools = parsePools(data);
  const sources = pools.byId.get(scope)?.sources ?? [];
  const ranges = sources.map(({ key, addresses }) => [
    key,
    ([4, 6] as Family[]).flatMap((family) => addresses.ranges(family)).map(formatRange),
  ]);
  return {
    sources: Object.fromEntries(ranges) as Record<string, string[]>,
    problems: pools.problems.map(formatProblem),
  };
}

describe('addresses of a key', () => {
  it.each([
    ['range-global', '10.0.0.1-10.0.0.9', ['10.0.0.1-10.0.0.9']],
    ['range-global', '10.0.0.1-10.0.0.9,10.0.1.1-10.0.1.2', ['10.0.0.1-10.0.0.9', '10.0.1.1-10.0.1.2']],
    ['range-global', '10.0.1.1-10.0.1.2,10.0.0.1-10.0.0.9', ['10.0.0.1-10.0.0.9', '10.0.1.1-10.0.1.2']],
    ['range-global', '10.0.0.1-10.0.0.5,10.0.0.3-10.0.0.9', ['10.0.0.1-10.0.0.9']],
    ['range-global', '10.0.0.1-10.0.0.5,10.0.0.6-10.0.0.9', ['10.0.0.1-10.0.0.9']],
    ['range-global', '10.0.0.1-10.0.0.2,fe80::10-fe80::20', ['10.0.0.1-10.0.0.2', 'fe80::10-fe80::20']],
    [
      'range-global',
      ' 10.0.0.1 - 10.0.0.2 ,, 10.0.0.7-10.0.0.8 ,\n',
      ['10.0.0.1-10.0.0.2', '10.0.0.7-10.0.0.8'],
    ],
    ['range-global', '10.0.0.5', ['10.0.0.5']],
    ['cidr-global', '192.168.0.200/30', ['192.168.0.200-192.168.0.203']],
    ['cidr-global', '192.168.0.220/29', ['192.168.0.216-192.168.0.223']],
    ['cidr-global', '192.168.0.200/31', ['192.168.0.200-192.168.0.201']],
    ['cidr-global', '192.168.0.200/32', ['192.168.0.200']],
    ['cidr-global', '192.168.0.200/30,192.168.0.204/30', ['192.168.0.200-192.168.0.207']],
    ['cidr-global', '10.0.0.0/30, 2001:db8::/126', ['10.0.0.0-10.0.0.3', '2001:db8::-2001:db8::3']],
    // The form of the value decides, not the key.
    ['range-global', '10.0.0.0/30', ['10.0.0.0-10.0.0.3']],
    ['cidr-global', '10.0.0.1-10.0.0.2', ['10.0.0.1-10.0.0.2']],
  ])('%s=%s', (key, value, ranges) => {
    const result = read({ [key]: value });
    expect(result.sources).toEqual({ [key]: ranges });
    expect(result.problems.filter((problem) => !problem.includes('host bits'))).toEqual([]);
  });

  it.each([
    ['192.168.0.200/30', ['192.168.0.201-192.168.0.202']],
    ['192.168.0.200/31', ['192.168.0.200-192.168.0.201']],
    ['192.168.0.200/32', ['192.168.0.200']],
    ['2001:db8::/126', ['2001:db8::-2001:db8::3']],
    ['10.0.0.1-10.0.0.4', ['10.0.0.1-10.0.0.4']],
  ])('skip-end-ips-in-cidr leaves of %s: %j', (value, ranges) => {
    expect(read({ 'cidr-global': value, 'skip-end-ips-in-cidr': 'true' }).sources).toEqual({
      'cidr-global': ranges,
    });
  });
});

describe('what is wrong is reported by key and disables nothing else', () => {
  it.each([
    ['range-global', 'banana', 'range-global=banana: "banana" is not an address range'],
    ['cidr-global', 'banana', 'cidr-global=banana: "banana" is not a CIDR'],
    ['range-global', '', 'range-global=: is empty; expected'],
    ['cidr-global', ' , ,', 'is empty; expected one or more CIDRs'],
    ['cidr-global', '10.0.0.0/33', 'prefix length "33"; expected 0 to 32'],
    ['range-global', '10.0.0.9-10.0.0.1', 'ends before it starts'],
    ['range-global', '10.0.0.1-fe80::1', 'expected one family'],
    ['cidr-global', '10.0.0.5/24', '"10.0.0.5/24" has host bits set; read as 10.0.0.0/24'],
    ['search-order', 'backwards', 'search-order=backwards: expected asc or desc'],
    ['skip-end-ips-in-cidr', 'yes', 'skip-end-ips-in-cidr=yes: expected true or false'],
    ['ranges-global', '10.0.0.1-10.0.0.2', 'ranges-global=10.0.0.1-10.0.0.2: unknown key'],
    ['interface-global', ' ', 'is empty; expected the name of a network interface'],
  ])('%s=%s', (key, value, problem) => {
    const result = read({ [key]: value, 'range-other': '10.9.0.1-10.9.0.2' });
    expect(result.problems).toHaveLength(1);
    expect(result.problems[0]).toContain(problem);
    expect(read({ [key]: value, 'range-other': '10.9.0.1-10.9.0.2' }, 'other').sources).toEqual({
      'range-other': ['10.9.0.1-10.9.0.2'],
    });
  });

  it('uses the good entries of a list with a bad one', () => {
    const result = read({ 'range-global': '10.0.0.1-10.0.0.2,banana,10.0.0.5-10.0.0.6' });
    expect(result.sources).toEqual({ 'range-global': ['10.0.0.1-10.0.0.2', '10.0.0.5-10.0.0.6'] });
    expect(result.problems).toHaveLength(1);
  });

  it('reads any text without throwing', () => {
    const key = fc.constantFrom(
      'range-a',
      'cidr-a',
      'interface-a',
      'allow-share-a',
      'search-order',
      'x',
      'cidr-',
    );
    const part = fc.constantFrom('10.0.0.1', '-', '/', ',', '24', 'fe80::', ' ', 'banana', '.255', '%eth0');
    const value = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 8 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(fc.dictionary(key, value), (data) => {
        const pools = parsePools(data);
        for (const problem of pools.problems) expect(formatProblem(problem)).toContain(problem.key);
      }),
    );
  });
});

describe('which pool serves a namespace', () => {
  const data = { 'cidr-global': '10.0.0.0/24', 'range-dev': '10.1.0.1-10.1.0.9', 'cidr-dev': '10.2.0.0/30' };

  it.each([
    ['dev', ['cidr-dev', 'range-dev']],
    ['default', ['cidr-global']],
  ])('%s: %j', (namespace, keys) => {
    expect(poolOf(data, namespace).sources.map((source) => source.key)).toEqual(keys);
  });

  it('lets range-<namespace> win over cidr-global', () => {
    const data = { 'cidr-global': '10.0.0.0/24', 'range-dev': '10.1.0.1-10.1.0.9' };
    expect(poolOf(data, 'dev').id).toBe('dev');
  });

  it('does not fall back to the global pool when the own key is unusable', () => {
    const data = { 'cidr-global': '10.0.0.0/24', 'range-dev': 'banana' };
    expect(poolOf(data, 'dev')).toMatchObject({ id: 'dev', sources: [] });
  });

  it('has no pool without keys and says whether there is a ConfigMap', () => {
    expect(() => poolOf({})).toThrow(REASON.noPool);
    expect(parsePools({}).configured).toBe(true);
    expect(parsePools(undefined).configured).toBe(false);
  });

  it('looks up interfaces on their own', () => {
    const pools = parsePools({ 'interface-global': 'eth0', 'interface-dev': ' eth1 ' });
    expect(interfaceFor(pools, 'dev')).toBe('eth1');
    expect(interfaceFor(pools, 'other')).toBe('eth0');
    expect(interfaceFor(parsePools({}), 'dev')).toBeUndefined();
  });
});

describe('addresses ending in .0 and .255', () => {
  it.each([
    ['cidr-global', '10.0.0.0/24', 254n],
    ['cidr-global', '10.0.0.0/23', 508n],
    ['range-global', '10.0.0.250-10.0.1.5', 10n],
    ['cidr-global', '10.0.0.0/31', 2n],
    ['cidr-global', '10.0.0.0/32,10.0.1.255/32', 2n],
    ['cidr-global', '2001:db8::/120', 256n],
  ])('%s=%s has %i to give', (key, value, size) => {
    const pool = poolOf({ [key]: value });
    expect(poolSize(pool, 4) + poolSize(pool, 6)).toBe(size);
  });

  it('are given out only when named one by one', () => {
    const pool = poolOf({ 'cidr-global': '10.0.0.0/24,10.0.1.0/32' });
    const given = (text: string) => poolContains(pool, address(text) as Address);
    expect(['10.0.0.0', '10.0.0.255', '10.0.0.1', '10.0.1.0', '10.0.1.255'].map(given)).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('DHCP', () => {
  it.each([
    [{ 'cidr-global': '0.0.0.0/32' }, [4]],
    [{ 'cidr-global': '0.0.0.0/32,::/128' }, [4, 6]],
    [{ 'range-global': '::/128', 'cidr-global': '10.0.0.0/24' }, [6]],
  ])('%j', (data, families) => {
    expect([...(parsePools(data).byId.get('global')?.dhcp ?? [])]).toEqual(families);
  });

  it('is ignored, and said so, beside other addresses of the family', () => {
    const pools = parsePools({ 'cidr-global': '0.0.0.0/32,10.0.0.0/24' });
    expect(pools.byId.get('global')?.dhcp.size).toBe(0);
    expect(pools.problems.map((problem) => problem.problem).join()).toContain('DHCP');
  });
});
