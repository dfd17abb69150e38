// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { DhcpRequest } from '../dhcp-addresses.ts';
import type { ClientMessage } from '../lease-machine.ts';
import type { UdpFrame } from '../udp-frames.ts';
import { type Dhcp4Message, decodeDhcp4, encodeDhcp4 } from './codec.ts';
import { DHCP4 } from './dialect.ts';

const MAC = '02:00:5e:10:00:01';
const SERVER_MAC = '02:00:00:00:00:aa';
const SERVER = '192.0.2.1';
const ADDRESS = '192.0.2.9';
const REQUEST: DhcpRequest = {
  key: '100::1',
  family: 4,
  identity: { mac: MAC, hostName: undefined },
  broadcast: false,
  wanted: undefined,
  noted: undefined,
};

function said(
  message: ClientMessage,
  request = REQUEST,
  elapsedMs = 0,
): { frame: UdpFrame; message: Dhcp4Message | undefined } {
  const frame = DHCP4.frameOf(request, { message, xid: 7, elapsedMs }, SERVER_MAC);
  return { frame, message: decodeDhcp4(frame.payload) };
}

/** RFC 2131, tables 4 and 5: which message has the address and the server where, and where it goes. */
describe.each<readonly [ClientMessage, string, string, string, string | undefined, string | undefined]>([
  [{ kind: 'solicit', wanted: undefined }, 'discover', '255.255.255.255', '0.0.0.0', undefined, undefined],
  [{ kind: 'solicit', wanted: ADDRESS }, 'discover', '255.255.255.255', '0.0.0.0', ADDRESS, undefined],
  [
    { kind: 'request', address: ADDRESS, server: SERVER },
    'request',
    '255.255.255.255',
    '0.0.0.0',
    ADDRESS,
    SERVER,
  ],
  [{ kind: 'reboot', address: ADDRESS }, 'request', '255.255.255.255', '0.0.0.0', ADDRESS, undefined],
  [{ kind: 'renew', address: ADDRESS, server: SERVER }, 'request', SERVER, ADDRESS, undefined, undefined],
  [{ kind: 'rebind', address: ADDRESS }, 'request', '255.255.255.255', ADDRESS, undefined, undefined],
  [
    { kind: 'decline', address: ADDRESS, server: SERVER },
    'decline',
    '255.255.255.255',
    '0.0.0.0',
    ADDRESS,
    SERVER,
  ],
  [{ kind: 'release', address: ADDRESS, server: SERVER }, 'release', SERVER, ADDRESS, undefined, SERVER],
])('%j', (message, type, destination, clientAddress, requestedAddress, server) => {
  it('has everything in its place', () => {
    const { frame, message: sent } = said(message);
    const isUnicast = destination === SERVER;
    expect(frame).toMatchObject({
      destination,
      source: clientAddress,
      sourceMac: MAC,
      destinationMac: isUnicast ? SERVER_MAC : 'ff:ff:ff:ff:ff:ff',
      sourcePort: 68,
      destinationPort: 67,
    });
    expect(sent).toMatchObject({ type, clientAddress, mac: MAC, xid: 7, seconds: 0, broadcast: false });
    expect(sent?.options.requestedAddress).toBe(requestedAddress);
    expect(sent?.options.server).toBe(server);
    expect(sent?.options.clientId).toBeUndefined();
  });
});

it('sends the host name as kube-vip does, and asks for broadcasts while it has no address', () => {
  const request = { ...REQUEST, identity: { mac: MAC, hostName: 'lb.example' }, broadcast: true };
  const discover = said({ kind: 'solicit', wanted: undefined }, request).message;
  const clientId = Buffer.from('lb.example').toString('hex');
  expect(discover).toMatchObject({ broadcast: true, options: { hostName: 'lb.example', clientId } });
  const renew = said({ kind: 'renew', address: ADDRESS, server: SERVER }, request).message;
  expect(renew).toMatchObject({ broadcast: false, options: { clientId } });
});

it('asks for broadcasts when answers to its own station do not arrive', () => {
  const solicit = { kind: 'solicit', wanted: undefined } as const;
  expect(said(solicit, REQUEST, 10).message).toMatchObject({ broadcast: false });
  expect(said(solicit, REQUEST, 2_500).message).toMatchObject({ broadcast: true, seconds: 2 });
});

describe('what a server says', () => {
  const answer = (parts: Partial<Dhcp4Message>): UdpFrame => ({
    family: 4,
    sourceMac: SERVER_MAC,
    destinationMac: MAC,
    source: SERVER,
    destination: ADDRESS,
    sourcePort: 67,
    destinationPort: 68,
    payload: encodeDhcp4({
      op: 'reply',
      type: 'ack',
      xid: 7,
      seconds: 0,
      broadcast: false,
      clientAddress: '0.0.0.0',
      yourAddress: ADDRESS,
      nextServer: '0.0.0.0',
      relay: '0.0.0.0',
      mac: MAC,
      options: { server: SERVER, leaseSeconds: 60, renewSeconds: 20 },
      ...parts,
    }),
  });

  it('is understood', () => {
    expect(DHCP4.read(REQUEST, answer({}))).toEqual({
      kind: 'ack',
      xid: 7,
      address: ADDRESS,
      server: SERVER,
      durationMs: 60_000,
      renewAfterMs: 20_000,
      rebindAfterMs: undefined,
    });
    expect(DHCP4.read(REQUEST, answer({ options: {} }))).toMatchObject({
      durationMs: 3_600_000,
      server: SERVER,
    });
    expect(DHCP4.read(REQUEST, answer({ type: 'nak', options: { message: 'wrong net' } }))).toMatchObject({
      kind: 'nak',
      reason: 'wrong net',
    });
  });

  it.each<readonly [string, Partial<Dhcp4Message>]>([
    ['to another station', { mac: '02:00:00:00:00:99' }],
    ['without an address', { yourAddress: '0.0.0.0' }],
    ['as a client', { op: 'request' }],
    ['of another kind', { type: 'inform' }],
  ])('%s is not for us', (_what, parts) => {
    expect(DHCP4.read(REQUEST, answer(parts))).toBeUndefined();
  });
});
