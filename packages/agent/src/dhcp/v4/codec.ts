// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatValue } from '@fairlead/shared/address/address.ts';
import { formatMac, macBytes } from '../../announce/mac.ts';

/** Message types of option 53, by their numbers (RFC 2132, 9.6). */
const TYPES = ['discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'] as const;

/** Kind of a DHCPv4 message. */
export type Dhcp4Type = (typeof TYPES)[number];

/** A DHCPv4 message (RFC 2131) with the options (RFC 2132) that a client of addresses needs; others are not kept. */
export interface Dhcp4Message {
  readonly op: 'request' | 'reply';
  readonly type: Dhcp4Type;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly seconds: number;
  /** The server shall answer by broadcast. */
  readonly broadcast: boolean;
  /** `ciaddr`, `yiaddr`, `siaddr`, `giaddr`; 0.0.0.0 = none. */
  readonly clientAddress: string;
  readonly yourAddress: string;
  readonly nextServer: string;
  readonly relay: string;
  /** `chaddr`. */
  readonly mac: string;
  readonly options: Dhcp4Options;
}

/** Options; a comment names the number where the name does not say it. */
export interface Dhcp4Options {
  /** 1 */
  readonly subnetMask?: string;
  /** 3 */
  readonly routers?: readonly string[];
  /** 6 */
  readonly nameServers?: readonly string[];
  /** 12 */
  readonly hostName?: string;
  /** 15 */
  readonly domainName?: string;
  /** 50 */
  readonly requestedAddress?: string;
  /** 51; Infinity: for ever. */
  readonly leaseSeconds?: number;
  /** 54 */
  readonly server?: string;
  /** 55 */
  readonly parameters?: readonly number[];
  /** 56: why a server refuses. */
  readonly message?: string;
  /** 57 */
  readonly maxSize?: number;
  /** 58 (T1); Infinity: never. */
  readonly renewSeconds?: number;
  /** 59 (T2); Infinity: never. */
  readonly rebindSeconds?: number;
  /** 60 */
  readonly vendorClass?: string;
  /** 61, as lower-case hexadecimal digits. */
  readonly clientId?: string;
}

const HEADER_LENGTH = 236;
const OPTIONS_AT = HEADER_LENGTH + 4;
const MAGIC = 0x6382_5363;
/** Shortest message that every relay and server takes (RFC 1542, 2.1). */
const MIN_LENGTH = 300;
const FLAG_BROADCAST = 0x8000;
const FOREVER = 0xffff_ffff;
const PAD = 0;
const END = 255;
const OVERLOAD = 52;
const TYPE = 53;
const FILE_FIELD = { from: 108, to: 236 };
const NAME_FIELD = { from: 44, to: 108 };

/** How an option's value becomes bytes and comes back; undefined: not such a value. */
interface Form<T> {
  write(value: T): Uint8Array;
  read(bytes: Buffer): T | undefined;
}

const ADDRESS: Form<string> = {
  write: ipv4Bytes,
  read: (bytes) => (bytes.length === 4 ? ipv4Text(bytes, 0) : undefined),
};
const ADDRESSES: Form<readonly string[]> = {
  write: (list) => Buffer.concat(list.map(ipv4Bytes)),
  read: (bytes) =>
    bytes.length > 0 && bytes.length % 4 === 0
      ? Array.from({ length: bytes.length / 4 }, (_, index) => ipv4Text(bytes, index * 4))
      : undefined,
};
const SECONDS: Form<number> = {
  write(seconds) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(Math.min(FOREVER, Math.max(0, Math.floor(seconds))));
    return bytes;
  },
  read(bytes) {
    if (bytes.length !== 4) return undefined;
    const seconds = bytes.readUInt32BE(0);
    return seconds === FOREVER ? Number.POSITIVE_INFINITY : seconds;
  },
};
const SIZE: Form<number> = {
  write: (size) => Buffer.from([size >> 8, size & 0xff]),
  read: (bytes) => (bytes.length === 2 ? bytes.readUInt16BE(0) : undefined),
};
/** Printable ASCII; some servers end texts with a zero byte. */
const TEXT: Form<string> = {
  write: (text) => Buffer.from(text, 'latin1'),
  read: (bytes) =>
    bytes
      .toString('latin1')
      .replace(/\0+$/, '')
      .replace(/[^\x20-\x7e]/g, '?') || undefined,
};
const NUMBERS: Form<readonly number[]> = {
  write: (list) => Buffer.from(list),
  read: (bytes) => (bytes.length > 0 ? [...bytes] : undefined),
};
const HEX: Form<string> = {
  write: (hex) => Buffer.from(hex, 'hex'),
  read: (bytes) => (bytes.length > 0 ? bytes.toString('hex') : undefined),
};

type Forms = {
  readonly [Name in keyof Required<Dhcp4Options>]: readonly [number, Form<Required<Dhcp4Options>[Name]>];
};

const FORMS: Forms = {
  subnetMask: [1, ADDRESS],
  routers: [3, ADDRESSES],
  nameServers: [6, ADDRESSES],
  hostName: [12, TEXT],
  domainName: [15, TEXT],
  requestedAddress: [50, ADDRESS],
  leaseSeconds: [51, SECONDS],
  server: [54, ADDRESS],
  parameters: [55, NUMBERS],
  message: [56, TEXT],
  maxSize: [57, SIZE],
  renewSeconds: [58, SECONDS],
  rebindSeconds: [59, SECONDS],
  vendorClass: [60, TEXT],
  clientId: [61, HEX],
};

/** Names of the options, in the order of their numbers. */
const NAMES = Object.keys(FORMS) as (keyof Dhcp4Options)[];

/**
 * The message as bytes, at least 300 of them. Options longer than 255 bytes are split (RFC 3396).
 *
 * @throws TypeError when a hardware or IPv4 address is malformed
 */
export function encodeDhcp4(message: Dhcp4Message): Uint8Array {
  const header = Buffer.alloc(OPTIONS_AT);
  header.writeUInt8(message.op === 'request' ? 1 : 2, 0);
  header.writeUInt8(1, 1);
  header.writeUInt8(6, 2);
  header.writeUInt32BE(message.xid >>> 0, 4);
  header.writeUInt16BE(Math.min(0xffff, Math.max(0, Math.floor(message.seconds))), 8);
  header.writeUInt16BE(message.broadcast ? FLAG_BROADCAST : 0, 10);
  [message.clientAddress, message.yourAddress, message.nextServer, message.relay].forEach(
    (address, index) => {
      header.set(ipv4Bytes(address), 12 + index * 4);
    },
  );
  header.set(macBytes(message.mac), 28);
  header.writeUInt32BE(MAGIC, HEADER_LENGTH);
  const parts: Uint8Array[] = [header, Buffer.from([TYPE, 1, TYPES.indexOf(message.type) + 1])];
  for (const name of NAMES) parts.push(...optionParts(name, message.options));
  parts.push(Buffer.from([END]));
  const bytes = Buffer.concat(parts);
  return bytes.length >= MIN_LENGTH ? bytes : Buffer.concat([bytes, Buffer.alloc(MIN_LENGTH - bytes.length)]);
}

function optionParts<Name extends keyof Dhcp4Options>(
  name: Name,
  options: Dhcp4Options,
): readonly Uint8Array[] {
  const value = options[name];
  if (value === undefined) return [];
  const [code, form] = FORMS[name];
  const bytes = form.write(value as Required<Dhcp4Options>[Name]);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 255) {
    const part = bytes.subarray(at, at + 255);
    parts.push(Buffer.from([code, part.length]), part);
  }
  return parts;
}

/**
 * Reads a UDP payload. Undefined for everything that is not a DHCPv4 message of an Ethernet client: too short, another
 * hardware type, no magic number, no or an unknown type. An option with an impossible value counts as absent, and options
 * that we do not know (82 and the like) are passed over. Never throws.
 */
export function decodeDhcp4(payload: Uint8Array): Dhcp4Message | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (bytes.length < OPTIONS_AT || bytes.readUInt32BE(HEADER_LENGTH) !== MAGIC) return undefined;
  const op = bytes.readUInt8(0);
  if ((op !== 1 && op !== 2) || bytes.readUInt8(1) !== 1 || bytes.readUInt8(2) !== 6) return undefined;
  const found = collectOptions(bytes);
  const type = TYPES[(found.get(TYPE)?.readUInt8(0) ?? 0) - 1];
  if (type === undefined) return undefined;
  return {
    op: op === 1 ? 'request' : 'reply',
    type,
    xid: bytes.readUInt32BE(4),
    seconds: bytes.readUInt16BE(8),
    broadcast: (bytes.readUInt16BE(10) & FLAG_BROADCAST) !== 0,
    clientAddress: ipv4Text(bytes, 12),
    yourAddress: ipv4Text(bytes, 16),
    nextServer: ipv4Text(bytes, 20),
    relay: ipv4Text(bytes, 24),
    mac: formatMac(bytes.subarray(28, 34)),
    options: readOptions(found),
  };
}

function readOptions(found: ReadonlyMap<number, Buffer>): Dhcp4Options {
  const entries = NAMES.flatMap((name) => {
    const [code, form] = FORMS[name];
    const bytes = found.get(code);
    const value = bytes === undefined ? undefined : form.read(bytes);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries) as Dhcp4Options;
}

/** Code -> value, from the options field and from the two fields that may carry more (option 52). */
function collectOptions(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  takeOptions(bytes.subarray(OPTIONS_AT), found);
  const overload = found.get(OVERLOAD)?.readUInt8(0) ?? 0;
  if ((overload & 1) !== 0) takeOptions(bytes.subarray(FILE_FIELD.from, FILE_FIELD.to), found);
  if ((overload & 2) !== 0) takeOptions(bytes.subarray(NAME_FIELD.from, NAME_FIELD.to), found);
  return found;
}

/** Parts of one option are joined (RFC 3396); one that runs past the end is left out, with all that follows. */
function takeOptions(field: Buffer, found: Map<number, Buffer>): void {
  for (let at = 0; at < field.length; ) {
    const code = field.readUInt8(at);
    if (code === END) return;
    if (code === PAD) {
      at += 1;
      continue;
    }
    const length = at + 1 < field.length ? field.readUInt8(at + 1) : 0xffff;
    const end = at + 2 + length;
    if (end > field.length) return;
    const value = field.subarray(at + 2, end);
    const known = found.get(code);
    // A value of no length would be read as a byte that is not there.
    if (length > 0) found.set(code, known === undefined ? value : Buffer.concat([known, value]));
    at = end;
  }
}

/** @throws TypeError */
function ipv4Bytes(text: string): Uint8Array {
  const address = addressOf(text);
  if (address?.family !== 4) throw new TypeError(`"${text}" is not an IPv4 address`);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(Number(address.value));
  return bytes;
}

function ipv4Text(bytes: Buffer, at: number): string {
  return formatValue(4, BigInt(bytes.readUInt32BE(at)));
}
