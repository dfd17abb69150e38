// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Link } from '../system/link.ts';
import { chooseInterface, needsDefaultRoute } from './interfaces.ts';

function link(name: string, address?: string): Link {
  const forever = Number.POSITIVE_INFINITY;
  const own = {
    family: 4,
    prefixLength: 24,
    scope: 'global',
    validSeconds: forever,
    preferredSeconds: forever,
    tentative: false,
  } as const;
  const addresses = address === undefined ? [] : [{ ...own, address }];
  return { name, index: 1, kind: 'ether', isUp: true, mtu: 1500, addresses };
}

const RULE = {
  interface: undefined,
  servicesInterface: undefined,
  defaultInterface: 'eth0',
  links: [
    link('eth0', '192.0.2.3'),
    link('eth1', '172.18.0.3'),
    link('eth2'),
    { ...link('down0'), isUp: false },
  ],
};

describe('chooseInterface', () => {
  it.each([
    ['the default route', undefined, {}, 'eth0'],
    ['vip_interface', undefined, { interface: 'eth1' }, 'eth1'],
    ['vip_servicesinterface', undefined, { interface: 'eth1', servicesInterface: 'eth2' }, 'eth2'],
    ['the annotation', 'eth0', { interface: 'eth1', servicesInterface: 'eth2' }, 'eth0'],
    ['the subnet', 'auto', { interface: 'eth2' }, 'eth1'],
    ['the first of a list that the node has', undefined, { interface: 'ens3, eth2,eth1' }, 'eth2'],
    ['one of a list that is up', undefined, { interface: 'down0,eth1' }, 'eth1'],
    ['one that is down when it has no other', 'down0,ens3', {}, 'down0'],
    ['the subnet in a list', 'ens3,auto', {}, 'eth1'],
    ['the subnet, for all', undefined, { servicesInterface: 'auto' }, 'eth1'],
  ])('takes %s', (_what, annotation, rule, expected) => {
    const choice = chooseInterface('172.18.0.200', { interface: annotation }, { ...RULE, ...rule });
    expect(choice).toEqual({ ok: true, name: expected });
  });

  it('takes the next in line when no subnet holds the address', () => {
    const choice = chooseInterface('10.0.0.1', { interface: 'auto' }, { ...RULE, interface: 'eth2' });
    expect(choice).toEqual({ ok: true, name: 'eth2' });
  });

  it('says which links there are when the one wanted is not', () => {
    const choice = chooseInterface('10.0.0.1', { interface: 'bond0' }, RULE);
    expect(choice).toMatchObject({ ok: false, problem: expect.stringContaining('eth0, eth1, eth2') });
  });

  it('says when there is none at all', () => {
    const choice = chooseInterface(
      '10.0.0.1',
      { interface: undefined },
      { ...RULE, defaultInterface: undefined },
    );
    expect(choice.ok).toBe(false);
  });
});

it('asks for the default route only where it can matter', () => {
  expect([undefined, '', 'auto', 'auto,auto'].map(needsDefaultRoute)).toEqual([true, true, true, true]);
  expect(['eth0', 'auto,eth0', 'eth0,ens3'].map(needsDefaultRoute)).toEqual([false, false, false]);
});
