// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { NO_NAME, namesIn, readBody, writeBody } from './codec-bodies.ts';
import { type KeyRing, SIGNATURE_BYTES } from './key-ring.ts';
import type { Message } from './messages.ts';

/*
 * The wire format, version 1; numbers big-endian:
 *
 *   'F' 'L' | version 1 byte | key number 4 | group id 16 | epoch 4 | term 6 | sequence 6 |
 *   sender's instance 8 | receiver's instance 8 (zeros: whoever has the name) |
 *   table of names: count 1, each length 1 and ASCII; the first is the sender, the second the receiver |
 *   kind 1 | body | signature 16: HMAC-SHA256 over everything before it, cut in half
 *
 * A datagram is read only as far as needed to find its key before the signature has been checked.
 */

/** Version of the wire format that we write and read. */
export const WIRE_VERSION = 1;

/**
 * No datagram is longer. Ordinary ones stay below 1,200 bytes; only {@link Message}s about many nodes with very long names
 * come near this, and then IP takes them apart.
 */
export const MAX_DATAGRAM_BYTES = 8_192;

const MAGIC = 0x464c;
const KEY_ID_OFFSET = 3;
const GROUP_OFFSET = 7;
const MIN_BYTES = GROUP_OFFSET + 16 + 4 + 6 + 6 + 8 + 8 + 1 + 1 + SIGNATURE_BYTES;
const INSTANCE_DIGITS = 16;
const GROUP_DIGITS = 32;
/** Sender, receiver and one for each piece of news. */
const MAX_NAMES = 64;

/** Why a datagram is not a message for us. Stable codes for logs and metrics. */
export type DecodeFailure =
  /** Not one of ours at all, too short or too long. */
  | 'notOurs'
  /** Written by a version that we cannot read. */
  | 'version'
  /** Signed with a key that we do not have. */
  | 'unknownKey'
  | 'badSignature'
  /** Signed with our key, but not to be understood: an error in a program. */
  | 'malformed'
  /** Well signed, of another group. */
  | 'foreignGroup';

/** What became of a datagram. */
export type Decoded =
  | { readonly ok: true; readonly message: Message }
  | {
      readonly ok: false;
      readonly failure: DecodeFailure;
      readonly detail: string;
      /** For `foreignGroup`, so that the group record can be looked at. */
      readonly foreign?: { readonly groupId: string; readonly epoch: number };
    };

/** Turns messages into signed datagrams and back. Never throws; keeps nothing of a message. */
export class Codec {
  readonly #writer = new ByteWriter(MAX_DATAGRAM_BYTES);

  /** The bytes to send, or why it cannot be said: an error in the program, or a name or address that is none. */
  encode(message: Message, keys: KeyRing): Parsed<Uint8Array> {
    const writer = this.#writer;
    writer.reset();
    writer.u16(MAGIC, 'magic');
    writer.u8(WIRE_VERSION, 'version');
    writer.u32(keys.signingId, 'key number');
    if (message.groupId === '' || message.from.instance === '') {
      return unparsable('a message without a group id or without the instance of its sender');
    }
    writer.hex(message.groupId, GROUP_DIGITS, 'group id');
    writer.u32(message.epoch, 'epoch');
    writer.u48(message.term, 'term');
    writer.u48(message.sequence, 'sequence');
    writer.hex(message.from.instance, INSTANCE_DIGITS, 'instance');
    writer.hex(message.toInstance, INSTANCE_DIGITS, 'instance of the receiver');
    const names = tableOf(message);
    writer.u8(names.length, 'number of names');
    for (const name of names) writer.name(name);
    writeBody(writer, message.body, (name) => names.indexOf(name));
    if (writer.problem !== undefined) return unparsable(`${message.body.type}: ${writer.problem}`);
    writer.raw(keys.sign(writer.bytes));
    return writer.problem === undefined ? parsed(new Uint8Array(writer.bytes)) : unparsable(writer.problem);
  }

  /** The message in a datagram, if it is well signed and of our group. Whether it is new is for {@link ReplayGuard}. */
  decode(datagram: Uint8Array, keys: KeyRing, groupId: string): Decoded {
    const { length } = datagram;
    if (length < MIN_BYTES || length > MAX_DATAGRAM_BYTES) return failed('notOurs', `${length} bytes`);
    const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, length);
    if (bytes.readUInt16BE(0) !== MAGIC) return failed('notOurs', 'no message of Fairlead');
    const version = bytes.readUInt8(2);
    if (version !== WIRE_VERSION) {
      return failed('version', `format ${version}; this agent reads ${WIRE_VERSION}`);
    }
    const keyId = bytes.readUInt32BE(KEY_ID_OFFSET);
    const signed = bytes.subarray(0, length - SIGNATURE_BYTES);
    const verdict = keys.verify(keyId, signed, bytes.subarray(length - SIGNATURE_BYTES));
    if (verdict !== 'ok') return failed(verdict, `key ${keyId}`);
    return readMessage(signed, groupId);
  }
}

function readMessage(bytes: Buffer, ownGroup: string): Decoded {
  const reader = new ByteReader(bytes, GROUP_OFFSET);
  const groupId = reader.hex(GROUP_DIGITS);
  const epoch = reader.u32();
  if (groupId !== ownGroup) {
    return { ...failed('foreignGroup', `group ${groupId}, epoch ${epoch}`), foreign: { groupId, epoch } };
  }
  const term = reader.u48();
  const sequence = reader.u48();
  const instance = reader.hex(INSTANCE_DIGITS);
  const toInstance = reader.hex(INSTANCE_DIGITS);
  if (instance === '') reader.fail('no instance of the sender');
  const names: string[] = [];
  for (let left = reader.count(MAX_NAMES, 'names'); left > 0; left--) names.push(reader.name());
  const [from = '', to = ''] = names;
  if (to === '') reader.fail('no sender and receiver');
  const nameAt = (index: number): string => {
    const name = names[index];
    if (name === undefined && index !== NO_NAME) reader.fail(`name ${index} of ${names.length}`);
    return name ?? '';
  };
  const body = readBody(reader, nameAt);
  reader.end();
  if (body === undefined || reader.problem !== undefined) {
    return failed('malformed', `from ${from}: ${reader.problem ?? 'no body'}`);
  }
  const message = { groupId, epoch, term, from: { name: from, instance }, to, toInstance, sequence, body };
  return { ok: true, message };
}

/** Sender, receiver, then each other name once. */
function tableOf({ from, to, body }: Message): readonly string[] {
  const names = [from.name, to];
  for (const name of namesIn(body)) if (!names.includes(name)) names.push(name);
  return names;
}

function failed(failure: DecodeFailure, detail: string) {
  return { ok: false, failure, detail } as const;
}
