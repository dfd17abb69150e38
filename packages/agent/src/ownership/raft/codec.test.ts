// SPDX-License-Identifier: Apache-2.0
import { formatValue } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Codec, MAX_DATAGRAM_BYTES } from './codec.ts';
import { KeyRing, SIGNATURE_BYTES } from './key-ring.ts';
import {
  type Body,
  MAX_ADDRESSES_PER_MESSAGE,
  MAX_NEWS_PER_MESSAGE,
  type Message,
  type NewsChange,
} from './messages.ts';

const GROUP = '0123456789abcdef0123456789abcdef';
const SECRETS = [1, 2, 3].map((seed) => new Uint8Array(32).fill(seed));

function ring(...order: readonly number[]): KeyRing {
  const [signing = new Uint8Array(), ...others] = order.map((index) => SECRETS[index] ?? new Uint8Array());
  const keys = KeyRing.of(signing, others);
  if (!keys.ok) throw new Error(keys.problem);
  return keys.value;
}

const KEYS = ring(0);
const codec = new Codec();

function encoded(message: Message, keys = KEYS): Uint8Array {
  const bytes = codec.encode(message, keys);
  if (!bytes.ok) throw new Error(bytes.problem);
  return bytes.value;
}

function message<B extends Body>(body: B): Message<B> {
  return {
    groupId: GROUP,
    epoch: 7,
    term: 12,
    from: { name: 'node-1', instance: '00000000000000a1' },
    to: 'node-2',
    toInstance: '00000000000000b2',
    sequence: 41,
    body,
  };
}

const number = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const small = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,60}[a-z0-9])?$/);
const maybe = fc.oneof(name, fc.constant(''));
const instance = fc.stringMatching(/^[0-9a-f]{15}[1-9a-f]$/);
const address = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => formatValue(4, value)),
  fc
    .bigInt({ min: 0n, max: 2n ** 128n - 1n })
    .filter((value) => value >> 32n !== 0xffffn)
    .map((value) => formatValue(6, value)),
);
const addresses = fc.array(address, { maxLength: MAX_ADDRESSES_PER_MESSAGE });
const type = <T extends Body['type']>(value: T) => fc.constant(value);

const change: fc.Arbitrary<NewsChange> = fc.oneof(
  fc.record({ kind: fc.constant('owner' as const), address, node: maybe }),
  fc.record({
    kind: fc.constant('member' as const),
    node: name,
    state: fc.constantFrom('up' as const, 'lost', 'left'),
    silentMs: fc.nat(0xffff),
    losses: fc.nat(0xff),
  }),
);

/** One for each kind of body: the type says when one is missing. */
const BODIES: { readonly [T in Body['type']]: fc.Arbitrary<Extract<Body, { readonly type: T }>> } = {
  preVote: fc.record({ type: type('preVote'), round: number }),
  preVoteReply: fc.record({
    type: type('preVoteReply'),
    round: number,
    granted: fc.boolean(),
    waitMs: small,
  }),
  vote: fc.record({ type: type('vote') }),
  voteReply: fc.record({ type: type('voteReply'), granted: fc.boolean() }),
  heartbeat: fc.record({ type: type('heartbeat'), nonce: number }),
  echo: fc.record({ type: type('echo'), nonce: number, settledEpoch: small, graceMs: small }),
  heartbeatRefused: fc.record({ type: type('heartbeatRefused') }),
  resign: fc.record({ type: type('resign'), successor: maybe }),
  announce: fc.record({ type: type('announce'), unknownBinding: number }),
  seek: fc.record({ type: type('seek') }),
  renew: fc.record({
    type: type('renew'),
    reign: fc.record({ term: number, coordinator: fc.record({ name, instance }) }),
    binding: number,
    nonce: number,
    answered: number,
    applied: number,
    settled: number,
    report: fc.option(
      fc
        .record({
          page: fc.nat(2_000),
          more: fc.integer({ min: 1, max: 9 }),
          addresses,
          ranOutMs: fc.option(small, { nil: undefined }),
        })
        .map(({ more, ...report }) => ({ ...report, pages: report.page + more })),
      { nil: undefined },
    ),
    refused: addresses,
    letGo: fc.boolean(),
    availability: fc.constantFrom('available' as const, 'draining', 'unavailable', 'gone'),
    knowledge: fc.constantFrom('none' as const, 'old', 'current'),
    newsVersion: number,
  }),
  grant: fc.record({
    type: type('grant'),
    binding: number,
    nonce: number,
    lengthMs: small,
    base: number,
    version: number,
    add: addresses,
    remove: addresses,
  }),
  news: fc.record({
    type: type('news'),
    base: number,
    version: number,
    changes: fc.array(change, { maxLength: MAX_NEWS_PER_MESSAGE }),
  }),
  config: fc.record({
    type: type('config'),
    config: fc.record({
      epoch: small,
      voters: fc.uniqueArray(name, { maxLength: 8 }).map((names) => names.sort()),
    }),
  }),
};

const anyMessage: fc.Arbitrary<Message> = fc.record({
  groupId: fc.constant(GROUP),
  epoch: small,
  term: number,
  from: fc.record({ name, instance }),
  to: name,
  toInstance: fc.oneof(instance, fc.constant('')),
  sequence: number,
  body: fc.oneof(...Object.values<fc.Arbitrary<Body>>(BODIES)),
});

describe('Codec', () => {
  it('gives back what was said', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(codec.decode(encoded(message), KEYS, GROUP)).toEqual({ ok: true, message });
      }),
      { numRuns: 500 },
    );
  });

  it('keeps its format: other versions of the agent read it', () => {
    const bytes = encoded(
      message({
        type: 'grant',
        binding: 1,
        nonce: 5,
        lengthMs: 300,
        base: 2,
        version: 3,
        add: ['192.0.2.7', '2001:db8::7'],
        remove: [],
      }),
    );
    const [keyId = 0] = KEYS.ids;
    expect(Buffer.from(bytes.subarray(0, -SIGNATURE_BYTES)).toString('hex')).toBe(
      [
        `464c01${keyId.toString(16).padStart(8, '0')}${GROUP}`,
        '00000007',
        '00000000000c',
        '000000000029',
        '00000000000000a1',
        '00000000000000b2',
        '02066e6f64652d31066e6f64652d32',
        '0c00000000000100000000000500',
        '00012c000000000002000000000003',
        '0204c00002070620010db8000000000000000000000007',
        '00',
      ].join(''),
    );
  });

  it('takes no message in which a single bit is wrong', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.integer({ min: 0, max: 7 }), (message, at, bit) => {
        const bytes = encoded(message);
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
        expect(codec.decode(bytes, KEYS, GROUP)).toMatchObject({ ok: false });
      }),
    );
  });

  it('takes no part of a message, and nothing behind one', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (message, at) => {
        const bytes = encoded(message);
        expect(codec.decode(bytes.subarray(0, at % bytes.length), KEYS, GROUP).ok).toBe(false);
        expect(codec.decode(new Uint8Array([...bytes, 0]), KEYS, GROUP).ok).toBe(false);
      }),
    );
  });

  it('says what is wrong and never throws, whatever it gets', () => {
    const start = encoded(message({ type: 'seek' })).subarray(0, 40);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (noise, likeOurs) => {
        const bytes = likeOurs ? new Uint8Array([...start, ...noise]) : noise;
        expect(codec.decode(bytes, KEYS, GROUP)).toMatchObject({ ok: false });
      }),
    );
    expect(codec.decode(new Uint8Array(MAX_DATAGRAM_BYTES + 1), KEYS, GROUP)).toMatchObject({
      failure: 'notOurs',
    });
  });

  it('never throws at nonsense that is well signed, and can say again what it understood', () => {
    fc.assert(
      fc.property(
        anyMessage,
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 6 }),
        (message, at, noise) => {
          const bytes = Buffer.from(encoded(message));
          const length = bytes.length - SIGNATURE_BYTES;
          bytes.set(
            noise.subarray(0, length - 23),
            23 + (at % (length - 22 - Math.min(noise.length, length - 23))),
          );
          bytes.set(KEYS.sign(bytes.subarray(0, length)), length);
          const decoded = codec.decode(bytes, KEYS, GROUP);
          if (decoded.ok) {
            expect(codec.decode(encoded(decoded.message), KEYS, GROUP)).toEqual(decoded);
          } else expect(decoded.failure).toBe('malformed');
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('tells a message of another group, version or key apart', () => {
    const seek = message({ type: 'seek' });
    expect(codec.decode(encoded({ ...seek, groupId: `f${GROUP.slice(1)}` }), KEYS, GROUP)).toMatchObject({
      failure: 'foreignGroup',
      foreign: { groupId: `f${GROUP.slice(1)}`, epoch: 7 },
    });
    const later = encoded(seek);
    later[2] = 2;
    expect(codec.decode(later, KEYS, GROUP)).toMatchObject({ failure: 'version' });
    expect(codec.decode(encoded(seek, ring(1)), KEYS, GROUP)).toMatchObject({ failure: 'unknownKey' });
  });

  it('refuses to say what cannot be said', () => {
    const renew = {
      type: 'grant',
      binding: 1,
      nonce: 1,
      lengthMs: 1,
      base: 0,
      version: 1,
      remove: [],
    } as const;
    const wrong: readonly Message[] = [
      message({ ...renew, add: ['2001:DB8::1'] }),
      message({ ...renew, add: ['::ffff:192.0.2.1'] }),
      message({ ...renew, add: ['node-1'] }),
      message({ ...renew, add: Array<string>(MAX_ADDRESSES_PER_MESSAGE + 1).fill('192.0.2.1') }),
      message({ ...renew, add: [], lengthMs: 0.5 }),
      message({ ...renew, add: [], version: -1 }),
      message({ ...renew, add: [], nonce: Number.NaN }),
      { ...message({ type: 'seek' }), to: '' },
      { ...message({ type: 'seek' }), to: 'x'.repeat(254) },
      { ...message({ type: 'seek' }), groupId: '' },
      { ...message({ type: 'seek' }), groupId: 'G'.repeat(32) },
      { ...message({ type: 'seek' }), toInstance: '00' },
      { ...message({ type: 'seek' }), epoch: 2 ** 32 },
    ];
    for (const each of wrong) expect(codec.encode(each, KEYS)).toMatchObject({ ok: false });
    // And is none the worse for it.
    expect(codec.decode(encoded(message({ type: 'seek' })), KEYS, GROUP).ok).toBe(true);
  });

  it('rounds waits up: waiting longer is safe', () => {
    const echo = (graceMs: number) => {
      const decoded = codec.decode(
        encoded(message({ type: 'echo', nonce: 1, settledEpoch: 1, graceMs })),
        KEYS,
        GROUP,
      );
      return decoded.ok && decoded.message.body.type === 'echo' ? decoded.message.body.graceMs : undefined;
    };
    expect([echo(0), echo(0.01), echo(250.5), echo(Number.POSITIVE_INFINITY)]).toEqual([
      0,
      1,
      251,
      2 ** 32 - 1,
    ]);
    expect(codec.encode(message({ type: 'echo', nonce: 1, settledEpoch: 1, graceMs: -1 }), KEYS).ok).toBe(
      false,
    );
  });
});

describe('sizes', () => {
  const full = Array.from(
    { length: MAX_ADDRESSES_PER_MESSAGE },
    (_, index) => `2001:db8:1:2:3:4:5:${(index + 1).toString(16)}`,
  );
  const named = (length: number, body: Body): Message => ({
    ...message(body),
    from: { name: 'a'.repeat(length), instance: '00000000000000a1' },
    to: 'b'.repeat(length),
  });
  const grant = {
    type: 'grant',
    binding: 1,
    nonce: 1,
    lengthMs: 300,
    base: 0,
    version: 1,
    add: full,
    remove: [],
  } as const;
  const renew = {
    type: 'renew',
    reign: { term: 1, coordinator: { name: 'b'.repeat(40), instance: '00000000000000b2' } },
    binding: 1,
    nonce: 1,
    answered: 0,
    applied: 0,
    settled: 0,
    report: { page: 0, pages: 21, addresses: full, ranOutMs: 5 },
    refused: [],
    letGo: false,
    availability: 'available',
    knowledge: 'current',
    newsVersion: 0,
  } as const;

  it('a message full of IPv6 addresses fits into a datagram of 1,200 bytes, with names of 40 characters', () => {
    expect(encoded(named(40, grant)).length).toBeLessThanOrEqual(1_200);
    expect(encoded(named(40, renew)).length).toBeLessThanOrEqual(1_200);
  });

  it('the longest message that there can be has room', () => {
    const changes = full.slice(0, MAX_NEWS_PER_MESSAGE).map((address, index) => ({
      kind: 'owner' as const,
      address,
      node: `${String(index).padStart(3, '0')}${'c'.repeat(250)}`,
    }));
    const news = encoded(named(253, { type: 'news', base: 0, version: 1, changes }));
    expect(news.length).toBeLessThanOrEqual(MAX_DATAGRAM_BYTES);
    expect(encoded(named(253, { ...grant, remove: full })).length).toBeLessThan(news.length);
  });
});

describe('KeyRing', () => {
  it('lets a key be replaced step by step: neighbours in the sequence always understand each other', () => {
    const steps = [ring(0), ring(0, 1), ring(1, 0), ring(1)];
    const seek = message({ type: 'seek' });
    for (const [index, ours] of steps.entries()) {
      for (const theirs of steps.slice(Math.max(0, index - 1), index + 2)) {
        expect(codec.decode(encoded(seek, theirs), ours, GROUP).ok).toBe(true);
      }
    }
    const [first = KEYS, , , last = KEYS] = steps;
    expect(codec.decode(encoded(seek, first), last, GROUP)).toMatchObject({ failure: 'unknownKey' });
  });

  it('numbers keys by what they are, and refuses short ones', () => {
    expect(ring(0, 1).signingId).toBe(ring(0).signingId);
    expect(ring(1, 0).signingId).not.toBe(ring(0).signingId);
    expect([...ring(0, 1, 0).ids].sort()).toEqual([...ring(1, 0).ids].sort());
    expect(KeyRing.of(new Uint8Array(15))).toMatchObject({ ok: false });
    expect(KeyRing.of(new Uint8Array(16), [new Uint8Array(3)])).toMatchObject({ ok: false });
  });

  it('does not take a right number for a right signature', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const signed = ring(1).sign(bytes);
    expect(ring(0, 1).verify(ring(1).signingId, bytes, signed)).toBe('ok');
    expect(ring(0, 1).verify(ring(0).signingId, bytes, signed)).toBe('badSignature');
    expect(ring(0, 1).verify(ring(1).signingId, bytes, signed.subarray(1))).toBe('badSignature');
    expect(ring(0).verify(ring(1).signingId, bytes, signed)).toBe('unknownKey');
  });
});
