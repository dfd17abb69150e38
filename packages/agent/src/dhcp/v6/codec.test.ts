// SPDX-License-Identifier: Apache-2.0
import { formatValue } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Dhcp6Message, decodeDhcp6, encodeDhcp6 } from './codec.ts';

const seconds = fc.oneof(fc.nat(0xffff_fffe), fc.constant(Number.POSITIVE_INFINITY));
const duid = fc
  .uint8Array({ minLength: 3, maxLength: 130 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const status = fc.record({ code: fc.nat(20), message: fc.stringMatching(/^[\x20-\x7e]{0,40}$/) });
// Above 2^96 there is no IPv4-mapped form, which the address module does not take.
const address = fc.bigInt({ min: 1n << 96n, max: (1n << 128n) - 1n }).map((value) => formatValue(6, value));
const iaAddress = fc.record(
  { address, preferredSeconds: seconds, validSeconds: seconds, status },
  { requiredKeys: ['address', 'preferredSeconds', 'validSeconds'] },
);
const association = fc.record(
  {
    iaid: fc.nat(0xffff_ffff),
    renewSeconds: seconds,
    rebindSeconds: seconds,
    addresses: fc.array(iaAddress, { maxLength: 3 }),
    status,
  },
  { requiredKeys: ['iaid', 'renewSeconds', 'rebindSeconds', 'addresses'] },
);
const message: fc.Arbitrary<Dhcp6Message> = fc.record(
  {
    type: fc.constantFrom(
      'solicit',
      'advertise',
      'request',
      'renew',
      'rebind',
      'reply',
      'release',
      'decline',
    ),
    xid: fc.nat(0xff_ffff),
    clientId: duid,
    serverId: duid,
    identityAssociations: fc.array(association, { maxLength: 3 }),
    elapsedHundredths: fc.nat(0xffff),
    preference: fc.nat(255),
    status,
    optionRequest: fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 10 }),
    hostName: fc.stringMatching(/^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,3}$/),
  },
  { requiredKeys: ['type', 'xid', 'identityAssociations'] },
);

it('reads what it wrote', () => {
  fc.assert(
    fc.property(message, (wanted) => {
      expect(decodeDhcp6(encodeDhcp6(wanted))).toEqual(wanted);
    }),
  );
});

it('never throws, whatever the bytes', () => {
  const noise = fc
    .tuple(message, fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 20 }), fc.nat(900))
    .map(([wanted, edits, length]) => {
      const bytes = Buffer.from(encodeDhcp6(wanted));
      for (const [at, value] of edits) if (at < bytes.length) bytes.writeUInt8(value, at);
      return bytes.subarray(0, length);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), noise), (bytes) => {
      expect(() => decodeDhcp6(bytes)).not.toThrow();
    }),
  );
});

it.each<readonly [string, string]>([
  ['nothing', ''],
  ['an unknown type', '63000001'],
  ['a message of a relay', '0c000001'],
  ['an option past the end', '07000001000100ff00'],
])('is not deceived by %s', (_what, hex) => {
  expect(decodeDhcp6(Buffer.from(hex, 'hex'))).toBeUndefined();
});
