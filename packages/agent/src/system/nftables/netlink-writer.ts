// SPDX-License-Identifier: Apache-2.0

const HEADER_LENGTH = 16;
const ATTRIBUTE_LENGTH = 4;
const NESTED = 0x8000;
const NLM_F_REQUEST = 0x1;

/**
 * Puts netlink messages with nested attributes one behind the other into one growing buffer: building each part by itself and
 * joining them costs more than the kernel needs for them. Numbers in attributes are in network order, as netfilter has them.
 */
export class NetlinkWriter {
  #bytes = Buffer.alloc(16_384);
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** The messages so far, valid until the next write. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * One message of netfilter: its header, struct nfgenmsg, and what `fill` writes.
   *
   * @param flags NLM_F_* beside REQUEST
   * @param resource the last field of struct nfgenmsg
   * @returns where it begins, for {@link addFlags}
   */
  message(
    head: {
      readonly type: number;
      readonly flags: number;
      readonly sequence: number;
      readonly family: number;
      readonly resource?: number;
    },
    fill: () => void = () => undefined,
  ): number {
    const start = this.#reserve(HEADER_LENGTH + 4);
    const bytes = this.#bytes;
    bytes.writeUInt16LE(head.type, start + 4);
    bytes.writeUInt16LE(NLM_F_REQUEST | head.flags, start + 6);
    bytes.writeUInt32LE(head.sequence, start + 8);
    bytes.writeUInt32LE(0, start + 12);
    bytes.writeUInt8(head.family, start + 16);
    bytes.writeUInt8(0, start + 17);
    bytes.writeUInt16BE(head.resource ?? 0, start + 18);
    fill();
    this.#bytes.writeUInt32LE(this.#length - start, start);
    return start;
  }

  /** Sets flags of a message that is written already. */
  addFlags(start: number, flags: number): void {
    this.#bytes.writeUInt16LE(this.#bytes.readUInt16LE(start + 6) | flags, start + 6);
  }

  /** An attribute of raw bytes. */
  raw(type: number, value: Uint8Array): void {
    const start = this.#attribute(type, value.length);
    this.#bytes.set(value, start);
  }

  /** An attribute with a text, which netfilter wants to end with a zero byte. */
  text(type: number, value: string): void {
    const start = this.#attribute(type, Buffer.byteLength(value) + 1);
    this.#bytes.write(value, start);
  }

  /** An attribute with a number of 32 bits; a negative one as its complement. */
  number(type: number, value: number): void {
    // First the place: making it may replace the buffer.
    const start = this.#attribute(type, 4);
    this.#bytes.writeUInt32BE(value >>> 0, start);
  }

  /** An attribute that holds others. @throws RangeError when they are longer than an attribute can be (65,535 bytes) */
  nested(type: number, fill: () => void): void {
    const start = this.#reserve(ATTRIBUTE_LENGTH);
    this.#bytes.writeUInt16LE(NESTED | type, start + 2);
    fill();
    this.#bytes.writeUInt16LE(this.#length - start, start);
  }

  /** Place for a value of so many bytes, behind its header; the padding is zero. */
  #attribute(type: number, length: number): number {
    const start = this.#reserve(ATTRIBUTE_LENGTH + ((length + 3) & ~3));
    this.#bytes.fill(0, start, this.#length);
    this.#bytes.writeUInt16LE(ATTRIBUTE_LENGTH + length, start);
    this.#bytes.writeUInt16LE(type, start + 2);
    return start + ATTRIBUTE_LENGTH;
  }

  #reserve(length: number): number {
    const start = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(2 * this.#length);
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    return start;
  }
}
