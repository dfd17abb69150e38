// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, formatValue } from '@fairlead/shared/address/address.ts';

/*
 * Writing and reading of fields. Neither throws: the first thing that does not fit is remembered in `problem`, and all that
 * follows is ignored or reads as zero, so that callers check once, at the end.
 */

const MAX_U16 = 0xffff;
const MAX_U32 = 0xffff_ffff;
const MAX_U48 = 0xffff_ffff_ffff;
const TWO_32 = 0x1_0000_0000;

/** Writes into one buffer that is used again for each message. */
export class ByteWriter {
  readonly #buffer: Buffer;
  #length = 0;
  #problem: string | undefined;

  constructor(capacity: number) {
    this.#buffer = Buffer.alloc(capacity);
  }

  reset(): void {
    this.#length = 0;
    this.#problem = undefined;
  }

  /** The first thing that did not fit. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** What has been written; valid until the next `reset`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  fail(problem: string): void {
    this.#problem ??= problem;
  }

  u8(value: number, what: string): void {
    if (this.#fits(value, 0xff, 1, what)) this.#length = this.#buffer.writeUInt8(value, this.#length);
  }

  u16(value: number, what: string): void {
    if (this.#fits(value, MAX_U16, 2, what)) this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  u32(value: number, what: string): void {
    if (this.#fits(value, MAX_U32, 4, what)) this.#length = this.#buffer.writeUInt32BE(value, this.#length);
  }

  u48(value: number, what: string): void {
    if (!this.#fits(value, MAX_U48, 6, what)) return;
    this.#length = this.#buffer.writeUInt16BE(Math.floor(value / TWO_32), this.#length);
    this.#length = this.#buffer.writeUInt32BE(value % TWO_32, this.#length);
  }

  bool(value: boolean): void {
    this.u8(Number(value), 'boolean');
  }

  /** A wait: rounded up to whole milliseconds, and no longer than 49 days. */
  wait(valueMs: number, what: string): void {
    this.u32(Math.min(MAX_U32, Math.ceil(valueMs)), what);
  }

  /** Lower-case hex digits; '' is written as zeros. */
  hex(text: string, digits: number, what: string): void {
    const bytes = digits / 2;
    if (!this.#room(bytes)) return;
    if (text === '') this.#buffer.fill(0, this.#length, this.#length + bytes);
    else if (text.length === digits && HEX.test(text) && !isZeros(text)) {
      this.#buffer.write(text, this.#length, 'hex');
    } else this.fail(`${what} is "${text}"; expected ${digits} lower-case hex digits, not all zero`);
    this.#length += bytes;
  }

  /** A name of at most 253 printable ASCII characters. */
  name(text: string): void {
    if (!isName(text)) this.fail(`the name "${text}"; expected 1 to 253 printable ASCII characters`);
    this.u8(text.length, 'length of a name');
    if (this.#room(text.length)) this.#length += this.#buffer.write(text, this.#length, 'latin1');
  }

  /** An IP address in its canonical text. */
  address(text: string): void {
    const bytes = addressBytes(text);
    if (bytes === undefined) this.fail(`"${text}" is not an IP address in canonical form`);
    else this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    if (!this.#room(bytes.length)) return;
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #fits(value: number, max: number, bytes: number, what: string): boolean {
    if (Number.isInteger(value) && value >= 0 && value <= max) return this.#room(bytes);
    this.fail(`${what} is ${value}; expected a whole number from 0 to ${max}`);
    return false;
  }

  #room(bytes: number): boolean {
    if (this.#problem !== undefined) return false;
    if (this.#length + bytes <= this.#buffer.length) return true;
    this.fail(`the message is longer than ${this.#buffer.length} bytes`);
    return false;
  }
}

/** Reads from one datagram. */
export class ByteReader {
  readonly #bytes: Buffer;
  #offset: number;
  #problem: string | undefined;

  constructor(bytes: Buffer, offset = 0) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  fail(problem: string): void {
    this.#problem ??= problem;
  }

  /** Nothing may be left over. */
  end(): void {
    const left = this.#bytes.length - this.#offset;
    if (left > 0) this.fail(`${left} bytes after the end`);
  }

  u8(): number {
    return this.#take(1) ? this.#bytes.readUInt8(this.#offset - 1) : 0;
  }

  u16(): number {
    return this.#take(2) ? this.#bytes.readUInt16BE(this.#offset - 2) : 0;
  }

  u32(): number {
    return this.#take(4) ? this.#bytes.readUInt32BE(this.#offset - 4) : 0;
  }

  u48(): number {
    if (!this.#take(6)) return 0;
    return this.#bytes.readUInt16BE(this.#offset - 6) * TWO_32 + this.#bytes.readUInt32BE(this.#offset - 4);
  }

  bool(what: string): boolean {
    const value = this.u8();
    if (value > 1) this.fail(`${what} is ${value}; expected 0 or 1`);
    return value === 1;
  }

  /** A length of a list. */
  count(max: number, what: string): number {
    const value = this.u8();
    if (value <= max) return this.#problem === undefined ? value : 0;
    this.fail(`${value} ${what}; expected at most ${max}`);
    return 0;
  }

  /** See {@link ByteWriter.hex}. */
  hex(digits: number): string {
    const bytes = digits / 2;
    if (!this.#take(bytes)) return '';
    const text = this.#bytes.toString('hex', this.#offset - bytes, this.#offset);
    return isZeros(text) ? '' : text;
  }

  name(): string {
    const length = this.u8();
    if (!this.#take(length)) return '';
    const text = this.#bytes.toString('latin1', this.#offset - length, this.#offset);
    if (!isName(text)) this.fail('a name that is empty, too long or not printable ASCII');
    return text;
  }

  address(): string {
    const family = this.u8();
    const length = family === 4 ? 4 : 16;
    if (family !== 4 && family !== 6) this.fail(`an address of family ${family}; expected 4 or 6`);
    if (!this.#take(length)) return '';
    const text = addressText(this.#bytes.toString('latin1', this.#offset - length - 1, this.#offset));
    if (text === undefined) this.fail('an IPv4 address in IPv6 form');
    return text ?? '';
  }

  #take(bytes: number): boolean {
    if (this.#problem !== undefined) return false;
    if (this.#offset + bytes > this.#bytes.length) {
      this.fail(`the message ends ${this.#offset + bytes - this.#bytes.length} bytes too early`);
      return false;
    }
    this.#offset += bytes;
    return true;
  }
}

const HEX = /^[0-9a-f]+$/;
const NAME = /^[!-~]{1,253}$/;

function isName(text: string): boolean {
  return NAME.test(text);
}

function isZeros(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) !== 0x30) return false;
  return true;
}

/** Reading an address costs microseconds, and the same few come again ten times a second. */
const CACHE_LIMIT = 8_192;
const bytesOfText = new Map<string, Uint8Array>();
const textOfBytes = new Map<string, string>();

/** Family and value. Undefined when it is no address in canonical text. */
function addressBytes(text: string): Uint8Array | undefined {
  const known = bytesOfText.get(text);
  if (known !== undefined) return known;
  const address = addressOf(text);
  if (address === undefined || formatAddress(address) !== text) return undefined;
  const hex = address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0');
  const bytes = Buffer.from(`0${address.family}${hex}`, 'hex');
  remember(text, bytes, bytes.toString('latin1'));
  return bytes;
}

/** The reverse; `key` is the bytes as a string of characters below 256. */
function addressText(key: string): string | undefined {
  const known = textOfBytes.get(key);
  if (known !== undefined) return known;
  // What cannot be written must not be readable either.
  if (key.startsWith(MAPPED_IPV4)) return undefined;
  const bytes = Buffer.from(key, 'latin1');
  const text = formatValue(key.length === 5 ? 4 : 6, BigInt(`0x${bytes.toString('hex', 1)}`));
  remember(text, bytes, key);
  return text;
}

/** `::ffff:0:0/96` behind its family. */
const MAPPED_IPV4 = `\x06${'\0'.repeat(10)}\xff\xff`;

function remember(text: string, bytes: Uint8Array, key: string): void {
  if (bytesOfText.size >= CACHE_LIMIT) {
    bytesOfText.clear();
    textOfBytes.clear();
  }
  bytesOfText.set(text, bytes);
  textOfBytes.set(key, text);
}
