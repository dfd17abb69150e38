// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressDrift,
  isOurs,
  labelOf,
  type PlacedAddress,
  removeAddresses,
  renewAddresses,
} from './addresses.ts';
import type { Link, LinkAddress } from './link.ts';

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

test('the label is left out where there is no room for one', () => {
  expect(labelOf('enp0s31f6np0')).toBe('enp0s31f6np0:fl');
  expect(labelOf('enp0s31f6np01')).toBeUndefined();
});

describe('what cannot be asked for', () => {
  const nowhere = [{ address: '172.18.0.200', link: 'no-such-link' }];

  test('an address on a link that is not there: no renewal, and nothing to remove', () => {
    expect(renewAddresses(nowhere, 8)).toEqual([
      { address: '172.18.0.200', problem: 'there is no link no-such-link' },
    ]);
    expect(removeAddresses(nowhere)).toEqual([]);
  });

  test('what is no address', () => {
    expect(() => renewAddresses([{ address: 'banana', link: 'lo' }], 8)).toThrow(
      '"banana" is not an IP address',
    );
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
