// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { DhcpRequest } from '../dhcp-addresses.ts';
import { duidOf, iaidOf } from '../identity.ts';
import type { ClientMessage } from '../lease-machine.ts';
import type { UdpFrame } from '../udp-frames.ts';
import { type Dhcp6Message, decodeDhcp6, encodeDhcp6, type IaNa, STATUS6 } from './codec.ts';
import { DHCP6 } from './dialect.ts';

const MAC = '02:00:5e:10:00:01';
const SERVER = '0003000102000000aabb';
const ADDRESS = '2001:db8::9';
const REQUEST: DhcpRequest = {
  key: '100::1',
  family: 6,
  identity: { mac: MAC, hostName: 'lb.example' },
  broadcast: false,
  wanted: undefined,
  noted: undefined,
};

/** RFC 8415, 18.2: what each message carries. */
describe.each<readonly [ClientMessage, string, string | undefined, string | undefined]>([
  [{ kind: 'solicit', wanted: undefined }, 'solicit', undefined, undefined],
  [{ kind: 'solicit', wanted: ADDRESS }, 'solicit', ADDRESS, undefined],
  [{ kind: 'request', address: ADDRESS, server: SERVER }, 'request', ADDRESS, SERVER],
  [{ kind: 'reboot', address: ADDRESS }, 'rebind', ADDRESS, undefined],
  [{ kind: 'renew', address: ADDRESS, server: SERVER }, 'renew', ADDRESS, SERVER],
  [{ kind: 'rebind', address: ADDRESS }, 'rebind', ADDRESS, undefined],
  [{ kind: 'decline', address: ADDRESS, server: SERVER }, 'decline', ADDRESS, SERVER],
  [{ kind: 'release', address: ADDRESS, server: SERVER }, 'release', ADDRESS, SERVER],
])('%j', (message, type, address, serverId) => {
  it('has everything in its place', () => {
    const frame = DHCP6.frameOf(REQUEST, { message, xid: 7, elapsedMs: 2500 }, undefined);
    expect(frame).toMatchObject({
      source: 'fe80::5eff:fe10:1',
      destination: 'ff02::1:2',
      destinationMac: '33:33:00:01:00:02',
      sourcePort: 546,
      destinationPort: 547,
    });
    const sent = decodeDhcp6(frame.payload);
    expect(sent).toMatchObject({ type, xid: 7, clientId: duidOf(MAC), elapsedHundredths: 250 });
    expect(sent?.serverId).toBe(serverId);
    expect(sent?.identityAssociations).toMatchObject([{ iaid: iaidOf(MAC) }]);
    expect(sent?.identityAssociations[0]?.addresses[0]?.address).toBe(address);
  });
});

describe('what a server says', () => {
  const association: IaNa = {
    iaid: iaidOf(MAC),
    renewSeconds: 20,
    rebindSeconds: 40,
    addresses: [{ address: ADDRESS, preferredSeconds: 60, validSeconds: 60 }],
  };
  const answer = (parts: Partial<Dhcp6Message>): UdpFrame => ({
    family: 6,
    sourceMac: '02:00:00:00:00:aa',
    destinationMac: MAC,
    source: 'fe80::1',
    destination: 'fe80::5eff:fe10:1',
    sourcePort: 547,
    destinationPort: 546,
    payload: encodeDhcp6({
      type: 'reply',
      xid: 7,
      clientId: duidOf(MAC),
      serverId: SERVER,
      identityAssociations: [association],
      ...parts,
    }),
  });

  it('is understood', () => {
    expect(DHCP6.read(REQUEST, answer({}))).toEqual({
      kind: 'ack',
      xid: 7,
      address: ADDRESS,
      server: SERVER,
      durationMs: 60_000,
      renewAfterMs: 20_000,
      rebindAfterMs: 40_000,
    });
    expect(DHCP6.read(REQUEST, answer({ type: 'advertise' }))).toMatchObject({ kind: 'offer' });
  });

  it.each<readonly [string, Partial<IaNa>]>([
    ['NoBinding', { addresses: [], status: { code: STATUS6.noBinding, message: 'who?' } }],
    ['no address', { addresses: [] }],
    [
      'an address whose life is over',
      { addresses: [{ address: ADDRESS, preferredSeconds: 0, validSeconds: 0 }] },
    ],
  ])('as %s is a refusal', (_what, parts) => {
    const refusal = DHCP6.read(REQUEST, answer({ identityAssociations: [{ ...association, ...parts }] }));
    expect(refusal?.kind).toBe('nak');
  });

  it.each<readonly [string, Partial<Dhcp6Message>]>([
    ['to another client', { clientId: duidOf('02:00:00:00:00:99') }],
    ['of another kind', { type: 'solicit' }],
    [
      'about a passing trouble',
      { identityAssociations: [], status: { code: STATUS6.unspecFail, message: '' } },
    ],
  ])('%s is not for us', (_what, parts) => {
    expect(DHCP6.read(REQUEST, answer(parts))).toBeUndefined();
  });
});
