// SPDX-License-Identifier: Apache-2.0
import { formatValue } from '@fairlead/shared/address/address.ts';
import { ipv6Bytes } from '../../announce/ndp/codec.ts';

/** Message types by their numbers (RFC 8415, 7.3); those of relays are not for clients. */
const TYPES = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
} as const;

/** Kind of a DHCPv6 message. */
export type Dhcp6Type = keyof typeof TYPES;

/** Status codes that matter for an address (RFC 8415, 21.13). */
export const STATUS6 = { success: 0, unspecFail: 1, noAddrsAvail: 2, noBinding: 3, notOnLink: 4 } as const;

/** A status code option. */
export interface Status6 {
  readonly code: number;
  readonly message: string;
}

/** An address in an identity association, with its lifetimes in seconds; Infinity: for ever. */
export interface IaAddress {
  readonly address: string;
  readonly preferredSeconds: number;
  readonly validSeconds: number;
  readonly status?: Status6;
}

/** IA_NA: an identity association for non-temporary addresses. T1 and T2 in seconds; 0: left to the client. */
export interface IaNa {
  readonly iaid: number;
  readonly renewSeconds: number;
  readonly rebindSeconds: number;
  readonly addresses: readonly IaAddress[];
  readonly status?: Status6;
}

/** A DHCPv6 message with the options that a client of addresses needs; others are not kept. */
export interface Dhcp6Message {
  readonly type: Dhcp6Type;
  /** 24 bits. */
  readonly xid: number;
  /** DUIDs as lower-case hexadecimal digits. */
  readonly clientId?: string;
  readonly serverId?: string;
  readonly identityAssociations: readonly IaNa[];
  /** Hundredths of a second since the exchange began. */
  readonly elapsedHundredths?: number;
  readonly preference?: number;
  readonly status?: Status6;
  /** Option 6: codes of options that are wanted. */
  readonly optionRequest?: readonly number[];
  /** Option 39: a single label or a full name. */
  readonly hostName?: string;
}

const OPTION = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaAddress: 5,
  optionRequest: 6,
  preference: 7,
  elapsed: 8,
  status: 13,
  hostName: 39,
} as const;

const FOREVER = 0xffff_ffff;
const MAX_U16 = 0xffff;
/** Longest DUID: 128 bytes and its type (RFC 8415, 11.1). */
const MAX_DUID_LENGTH = 130;
const NAMES = Object.fromEntries(Object.entries(TYPES).map(([name, code]) => [code, name])) as Readonly<
  Record<number, Dhcp6Type>
>;

/**
 * The message as bytes.
 *
 * @throws TypeError when an address is malformed
 */
export function encodeDhcp6(message: Dhcp6Message): Uint8Array {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(message.xid & 0xff_ffff);
  header.writeUInt8(TYPES[message.type]);
  const parts: Uint8Array[] = [header];
  const add = (code: number, value: Uint8Array | undefined): void => {
    if (value !== undefined) parts.push(option(code, value));
  };
  const { clientId, serverId, elapsedHundredths, preference, status, optionRequest, hostName } = message;
  add(OPTION.clientId, clientId === undefined ? undefined : Buffer.from(clientId, 'hex'));
  add(OPTION.serverId, serverId === undefined ? undefined : Buffer.from(serverId, 'hex'));
  for (const association of message.identityAssociations) add(OPTION.iaNa, iaBytes(association));
  add(OPTION.optionRequest, optionRequest === undefined ? undefined : Buffer.concat(optionRequest.map(u16)));
  add(OPTION.elapsed, elapsedHundredths === undefined ? undefined : u16(elapsedHundredths));
  add(OPTION.preference, preference === undefined ? undefined : Buffer.from([preference]));
  add(OPTION.status, status === undefined ? undefined : statusBytes(status));
  add(
    OPTION.hostName,
    hostName === undefined ? undefined : Buffer.concat([Buffer.from([0]), nameBytes(hostName)]),
  );
  return Buffer.concat(parts);
}

/**
 * Reads a UDP payload. Undefined for everything that is not a whole DHCPv6 message: too short, unknown type, options that
 * run past the end. An option with an impossible value counts as absent. Never throws.
 */
export function decodeDhcp6(payload: Uint8Array): Dhcp6Message | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (bytes.length < 4) return undefined;
  const type = NAMES[bytes.readUInt8(0)];
  const options = readOptions(bytes.subarray(4));
  if (type === undefined || options === undefined) return undefined;
  const first = (code: number): Buffer | undefined => options.find((one) => one.code === code)?.value;
  const clientId = readDuid(first(OPTION.clientId));
  const serverId = readDuid(first(OPTION.serverId));
  const status = readStatus(first(OPTION.status));
  const elapsed = first(OPTION.elapsed);
  const preference = first(OPTION.preference);
  const wanted = first(OPTION.optionRequest);
  const hostName = readName(first(OPTION.hostName));
  return {
    type,
    xid: bytes.readUInt32BE(0) & 0xff_ffff,
    ...(clientId === undefined ? {} : { clientId }),
    ...(serverId === undefined ? {} : { serverId }),
    identityAssociations: options.flatMap(({ code, value }) => (code === OPTION.iaNa ? readIa(value) : [])),
    ...(elapsed?.length === 2 ? { elapsedHundredths: elapsed.readUInt16BE(0) } : {}),
    ...(preference?.length === 1 ? { preference: preference.readUInt8(0) } : {}),
    ...(status === undefined ? {} : { status }),
    ...(wanted !== undefined && wanted.length % 2 === 0 ? { optionRequest: readU16s(wanted) } : {}),
    ...(hostName === undefined ? {} : { hostName }),
  };
}

function option(code: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([u16(code), u16(value.length), value]);
}

function u16(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(Math.min(MAX_U16, Math.max(0, Math.floor(value))));
  return bytes;
}

function seconds(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(Math.min(FOREVER, Math.max(0, Math.floor(value))));
  return bytes;
}

function iaBytes({ iaid, renewSeconds, rebindSeconds, addresses, status }: IaNa): Uint8Array {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(iaid >>> 0);
  return Buffer.concat([
    id,
    seconds(renewSeconds),
    seconds(rebindSeconds),
    ...addresses.map((address) => option(OPTION.iaAddress, iaAddressBytes(address))),
    ...(status === undefined ? [] : [option(OPTION.status, statusBytes(status))]),
  ]);
}

function iaAddressBytes({ address, preferredSeconds, validSeconds, status }: IaAddress): Uint8Array {
  return Buffer.concat([
    ipv6Bytes(address),
    seconds(preferredSeconds),
    seconds(validSeconds),
    ...(status === undefined ? [] : [option(OPTION.status, statusBytes(status))]),
  ]);
}

function statusBytes({ code, message }: Status6): Uint8Array {
  return Buffer.concat([u16(code), Buffer.from(message, 'utf8')]);
}

/** Labels with their lengths (RFC 1035, 3.1); without a closing zero when the name is a single label (RFC 4704, 4.2). */
function nameBytes(name: string): Uint8Array {
  const labels = name.split('.').filter((label) => label !== '');
  const parts = labels.map((label) => {
    const text = Buffer.from(label, 'latin1').subarray(0, 63);
    return Buffer.concat([Buffer.from([text.length]), text]);
  });
  return Buffer.concat([...parts, Buffer.from(labels.length > 1 ? [0] : [])]);
}

interface RawOption {
  readonly code: number;
  readonly value: Buffer;
}

/** Undefined when an option runs past the end. */
function readOptions(bytes: Buffer): readonly RawOption[] | undefined {
  const options: RawOption[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt16BE(at + 2);
    if (end > bytes.length) return undefined;
    options.push({ code: bytes.readUInt16BE(at), value: bytes.subarray(at + 4, end) });
    at = end;
  }
  return options;
}

function readDuid(bytes: Buffer | undefined): string | undefined {
  return bytes !== undefined && bytes.length > 2 && bytes.length <= MAX_DUID_LENGTH
    ? bytes.toString('hex')
    : undefined;
}

function readStatus(bytes: Buffer | undefined): Status6 | undefined {
  if (bytes === undefined || bytes.length < 2) return undefined;
  return { code: bytes.readUInt16BE(0), message: printable(bytes.toString('utf8', 2)) };
}

function readIa(bytes: Buffer): readonly IaNa[] {
  if (bytes.length < 12) return [];
  const options = readOptions(bytes.subarray(12));
  if (options === undefined) return [];
  const status = readStatus(options.find(({ code }) => code === OPTION.status)?.value);
  return [
    {
      iaid: bytes.readUInt32BE(0),
      renewSeconds: readSeconds(bytes, 4),
      rebindSeconds: readSeconds(bytes, 8),
      addresses: options.flatMap(({ code, value }) =>
        code === OPTION.iaAddress ? readIaAddress(value) : [],
      ),
      ...(status === undefined ? {} : { status }),
    },
  ];
}

function readIaAddress(bytes: Buffer): readonly IaAddress[] {
  if (bytes.length < 24) return [];
  const status = readStatus(
    readOptions(bytes.subarray(24))?.find(({ code }) => code === OPTION.status)?.value,
  );
  return [
    {
      address: formatValue(6, BigInt(`0x${bytes.toString('hex', 0, 16)}`)),
      preferredSeconds: readSeconds(bytes, 16),
      validSeconds: readSeconds(bytes, 20),
      ...(status === undefined ? {} : { status }),
    },
  ];
}

function readSeconds(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32BE(at);
  return value === FOREVER ? Number.POSITIVE_INFINITY : value;
}

function readU16s(bytes: Buffer): readonly number[] {
  return Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16BE(index * 2));
}

function readName(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const labels: string[] = [];
  for (let at = 1; at < bytes.length; ) {
    const length = bytes.readUInt8(at);
    if (length === 0) break;
    if (length > 63 || at + 1 + length > bytes.length) return undefined;
    labels.push(printable(bytes.toString('latin1', at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return labels.length === 0 ? undefined : labels.join('.');
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
