// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Dhcp4Message, type Dhcp4Options, decodeDhcp4, encodeDhcp4 } from './codec.ts';

const address = fc.tuple(...Array.from({ length: 4 }, () => fc.nat(255))).map((parts) => parts.join('.'));
const addresses = fc.array(address, { minLength: 1, maxLength: 5 });
const seconds = fc.oneof(fc.nat(0xffff_fffe), fc.constant(Number.POSITIVE_INFINITY));
const text = fc.stringMatching(/^[\x21-\x7e]{1,300}$/);
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/..(?!$)/g, '$&:'),
);
const options: fc.Arbitrary<Dhcp4Options> = fc.record(
  {
    subnetMask: address,
    routers: addresses,
    nameServers: addresses,
    hostName: text,
    domainName: text,
    requestedAddress: address,
    leaseSeconds: seconds,
    server: address,
    parameters: fc.array(fc.nat(255), { minLength: 1, maxLength: 300 }),
    message: text,
    maxSize: fc.nat(0xffff),
    renewSeconds: seconds,
    rebindSeconds: seconds,
    vendorClass: text,
    clientId: fc
      .uint8Array({ minLength: 1, maxLength: 300 })
      .map((bytes) => Buffer.from(bytes).toString('hex')),
  },
  { requiredKeys: [] },
);
const message: fc.Arbitrary<Dhcp4Message> = fc.record({
  op: fc.constantFrom('request', 'reply'),
  type: fc.constantFrom('discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'),
  xid: fc.nat(0xffff_ffff),
  seconds: fc.nat(0xffff),
  broadcast: fc.boolean(),
  clientAddress: address,
  yourAddress: address,
  nextServer: address,
  relay: address,
  mac,
  options,
});

it('reads what it wrote', () => {
  fc.assert(
    fc.property(message, (wanted) => {
      expect(decodeDhcp4(encodeDhcp4(wanted))).toEqual(wanted);
    }),
  );
});

it('never throws, whatever the bytes', () => {
  const noise = fc
    .tuple(message, fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 30 }), fc.nat(900))
    .map(([wanted, edits, length]) => {
      const bytes = Buffer.from(encodeDhcp4(wanted));
      for (const [at, value] of edits) if (at < bytes.length) bytes.writeUInt8(value, at);
      return bytes.subarray(0, length);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 700 }), noise), (bytes) => {
      expect(() => decodeDhcp4(bytes)).not.toThrow();
    }),
  );
});

function raw(...optionBytes: readonly number[]): Uint8Array {
  const bytes = Buffer.from(encodeDhcp4({ ...BARE, options: {} }));
  const head = bytes.subarray(0, 240);
  return Buffer.concat([head, Buffer.from(optionBytes)]);
}

const BARE: Omit<Dhcp4Message, 'options'> = {
  op: 'reply',
  type: 'ack',
  xid: 7,
  seconds: 0,
  broadcast: false,
  clientAddress: '0.0.0.0',
  yourAddress: '192.0.2.9',
  nextServer: '0.0.0.0',
  relay: '0.0.0.0',
  mac: '02:00:00:00:00:01',
};

it.each<readonly [string, readonly number[], Dhcp4Options | undefined]>([
  ['no type', [51, 4, 0, 0, 0, 9, 255], undefined],
  ['an unknown type', [53, 1, 99, 255], undefined],
  [
    'relay information (82) and other unknown options',
    [82, 3, 1, 1, 5, 53, 1, 5, 51, 4, 0, 0, 0, 9, 200, 0, 255],
    { leaseSeconds: 9 },
  ],
  ['padding, and no end', [0, 0, 53, 1, 5, 0, 51, 4, 0, 0, 0, 9], { leaseSeconds: 9 }],
  ['a value of a wrong length', [53, 1, 5, 51, 2, 0, 9, 255], {}],
  ['an option past the end', [53, 1, 5, 51, 40, 0, 0], {}],
  ['a text in two parts', [53, 1, 5, 56, 2, 110, 111, 56, 2, 112, 101, 255], { message: 'nope' }],
])('takes %s', (_what, bytes, expected) => {
  expect(decodeDhcp4(raw(...bytes))?.options).toEqual(expected);
});

it('finds options in the file and server name fields (overload)', () => {
  const bytes = Buffer.from(raw(53, 1, 5, 52, 1, 3, 255));
  bytes.set([51, 4, 0, 0, 0, 60, 255], 108);
  bytes.set([54, 4, 192, 0, 2, 1, 255], 44);
  expect(decodeDhcp4(bytes)?.options).toEqual({ leaseSeconds: 60, server: '192.0.2.1' });
});
