// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressDrift,
  isOurs,
  labelOf,
  type PlacedAddress,
  parseBatchErrors,
  renderRemoval,
  renderRenewal,
} from './addresses.ts';
import type { Link, LinkAddress } from './links.ts';

const nothingGuarded = (): boolean => false;

function own(overrides: Partial<LinkAddress> = {}): LinkAddress {
  return {
    family: 4,
    address: '172.18.0.200',
    prefixLength: 32,
    scope: 'host',
    label: 'lo:fl',
    validSeconds: 7,
    preferredSeconds: 0,
    tentative: false,
    ...overrides,
  };
}

function link(name: string, addresses: readonly LinkAddress[]): Link {
  const kind = name === 'lo' ? 'loopback' : 'ether';
  return { name, index: 1, kind, isUp: true, mtu: 1500, addresses };
}

describe('batches', () => {
  test('give IPv4 addresses global scope where that was asked for', () => {
    const placed = { address: '172.18.0.200', link: 'lo', scope: 'global' } as const;
    expect(renderRenewal([placed], 8)).toContain(' scope global preferred_lft 0 ');
    expect(renderRenewal([{ ...placed, address: 'fd00::1' }], 8)).not.toContain('scope');
  });

  test('renew with a label where there is room for one', () => {
    expect(
      renderRenewal(
        [
          { address: '172.18.0.200', link: 'lo' },
          { address: '172.18.0.201', link: 'enp0s31f6np01' },
          { address: 'fd00:18::200', link: 'lo' },
        ],
        8,
      ),
    ).toBe(
      'address replace 172.18.0.200/32 dev lo label lo:fl scope host preferred_lft 0 valid_lft 8\n' +
        'address replace 172.18.0.201/32 dev enp0s31f6np01 scope host preferred_lft 0 valid_lft 8\n' +
        'address replace fd00:18::200/128 dev lo nodad noprefixroute preferred_lft 0 valid_lft 8\n',
    );
    expect(labelOf('enp0s31f6np0')).toBe('enp0s31f6np0:fl');
  });

  test('remove by prefix length of the family', () => {
    expect(renderRemoval([{ address: 'fd00:18::200', link: 'eth0' }])).toBe(
      'address del fd00:18::200/128 dev eth0\n',
    );
  });

  test('tell which lines failed and why', () => {
    const stderr =
      'RTNETLINK answers: Cannot assign requested address\nCommand failed -:2\n' +
      'Cannot find device "eth7"\nCommand failed -:5\n';
    expect(parseBatchErrors(stderr)).toEqual(
      new Map([
        [2, 'RTNETLINK answers: Cannot assign requested address'],
        [5, 'Cannot find device "eth7"'],
      ]),
    );
    expect(parseBatchErrors('Cannot open netlink socket: Permission denied\n').size).toBe(0);
  });
});

describe('an address is ours', () => {
  test('by label, by the guard, or as a passing IPv6 address on loopback', () => {
    expect(isOurs(link('lo', []), own(), nothingGuarded)).toBe(true);
    const onLink = own({ label: 'eth0' });
    expect(isOurs(link('eth0', []), onLink, nothingGuarded)).toBe(false);
    expect(isOurs(link('eth0', []), onLink, () => true)).toBe(true);
    const ipv6 = { ...own(), family: 6, address: 'fd00:18::200', prefixLength: 128 } as const;
    expect(isOurs(link('lo', []), ipv6, nothingGuarded)).toBe(true);
    expect(isOurs(link('eth0', []), ipv6, nothingGuarded)).toBe(false);
  });

  test('never when it is there for good, preferred, or a subnet', () => {
    for (const other of [
      own({ validSeconds: Number.POSITIVE_INFINITY }),
      own({ preferredSeconds: 5 }),
      own({ prefixLength: 16 }),
    ]) {
      expect(isOurs(link('lo', []), other, () => true)).toBe(false);
    }
  });
});

test('drift is exactly what has to be added and what has to be removed', () => {
  const numbers = fc.uniqueArray(fc.nat(20), { maxLength: 12 });
  const place = (last: number): PlacedAddress => ({ address: `172.18.0.${last}`, link: 'lo' });
  fc.assert(
    fc.property(numbers, numbers, numbers, (wanted, present, foreign) => {
      const links = [
        link('lo', [
          ...present.map((last) => own({ address: place(last).address })),
          ...foreign.map((last) =>
            own({ address: `10.0.0.${last}`, validSeconds: Number.POSITIVE_INFINITY }),
          ),
        ]),
      ];
      const drift = addressDrift(wanted.map(place), links, nothingGuarded);
      expect(drift.missing).toEqual(wanted.filter((last) => !present.includes(last)).map(place));
      expect(drift.surplus).toEqual(present.filter((last) => !wanted.includes(last)).map(place));
    }),
  );
});
