// SPDX-License-Identifier: Apache-2.0

/** One field of a Protobuf message: its number, and its value as the wire type has it. */
export interface WireField {
  readonly number: number;
  /** Varints and fixed-width values as a number of up to 64 bits; length-delimited values as bytes. */
  readonly value: bigint | Uint8Array;
}

/** Bytes that are no Protobuf message. */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WireError';
  }
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** Splits a message into its fields, in the order of the wire. Throws WireError where it is cut or malformed. */
export function readFields(bytes: Uint8Array): WireField[] {
  const fields: WireField[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[offset];
      if (byte === undefined) throw new WireError(`a number is cut off at byte ${offset}`);
      offset += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return BigInt.asUintN(64, value);
    }
    throw new WireError(`a number before byte ${offset} is longer than 64 bits`);
  };
  const take = (length: number): number => {
    const start = offset;
    offset += length;
    if (offset > bytes.length)
      throw new WireError(`${length} bytes expected at byte ${start} of ${bytes.length}`);
    return start;
  };
  while (offset < bytes.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case VARINT:
        fields.push({ number, value: varint() });
        break;
      case FIXED64:
        fields.push({ number, value: view.getBigUint64(take(8), true) });
        break;
      case DELIMITED: {
        const length = Number(varint());
        const start = take(length);
        fields.push({ number, value: bytes.subarray(start, start + length) });
        break;
      }
      case FIXED32:
        fields.push({ number, value: BigInt(view.getUint32(take(4), true)) });
        break;
      default:
        throw new WireError(`unknown wire type ${tag & 7} before byte ${offset}`);
    }
  }
  return fields;
}

/** Writes one Protobuf message, field by field. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];

  /** A string, or nothing when it is empty. */
  text(number: number, value: string): this {
    return value === '' ? this : this.bytes(number, Buffer.from(value));
  }

  /** An embedded message. */
  message(number: number, value: WireWriter): this {
    return this.bytes(number, value.finish());
  }

  /** A boolean, or nothing when it is false. */
  flag(number: number, value: boolean): this {
    if (value) this.#parts.push(varint(number << 3), varint(1));
    return this;
  }

  bytes(number: number, value: Uint8Array): this {
    this.#parts.push(varint((number << 3) | DELIMITED), varint(value.length), value);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
