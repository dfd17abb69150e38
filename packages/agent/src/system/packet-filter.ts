// SPDX-License-Identifier: Apache-2.0

/** One instruction of the classic packet filter machine (`struct sock_filter`, linux/filter.h). */
export interface FilterInstruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly value: number;
}

const LOAD_BYTE = 0x30;
/** X = 4 * (low half of the byte): the length of an IPv4 header. */
const LOAD_HEADER_LENGTH = 0xb1;
/** Two bytes at X + offset, and at an offset. */
const LOAD_WORD_AFTER_HEADER = 0x48;
const LOAD_WORD = 0x28;
const JUMP_IF_BITS = 0x45;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;
const WHOLE_FRAME = 0x4_0000;

const load = (at: number): FilterInstruction => ({ code: LOAD_BYTE, ifTrue: 0, ifFalse: 0, value: at });
const whenEqual = (value: number, ifTrue: number, ifFalse: number): FilterInstruction => ({
  code: JUMP_EQUAL,
  ifTrue,
  ifFalse,
  value,
});
const give = (length: number): FilterInstruction => ({ code: RETURN, ifTrue: 0, ifFalse: 0, value: length });

/**
 * Lets through only neighbour solicitations and advertisements of a link's IPv6 traffic: without it the socket would be
 * handed a copy of every packet that the node receives.
 */
export const NEIGHBOUR_DISCOVERY_FILTER: readonly FilterInstruction[] = [
  load(14 + 6),
  whenEqual(58, 0, 3),
  load(14 + 40),
  whenEqual(135, 2, 0),
  whenEqual(136, 1, 0),
  give(0),
  give(WHOLE_FRAME),
];

const at = (code: number, value: number): FilterInstruction => ({ code, ifTrue: 0, ifFalse: 0, value });

/** Lets through only whole UDP datagrams over IPv4 for a port, and nothing else of a link's traffic. */
export function udpFilter(port: number): readonly FilterInstruction[] {
  return [
    load(14 + 9),
    whenEqual(17, 0, 6),
    at(LOAD_WORD, 14 + 6),
    { code: JUMP_IF_BITS, ifTrue: 4, ifFalse: 0, value: 0x3fff },
    at(LOAD_HEADER_LENGTH, 14),
    at(LOAD_WORD_AFTER_HEADER, 14 + 2),
    whenEqual(port, 0, 1),
    give(WHOLE_FRAME),
    give(0),
  ];
}

/** Lets through neighbour solicitations and advertisements, and UDP datagrams over IPv6 for a port. */
export function udpAndNeighbourFilter(port: number): readonly FilterInstruction[] {
  return [
    load(14 + 6),
    whenEqual(17, 0, 2),
    at(LOAD_WORD, 14 + 40 + 2),
    whenEqual(port, 5, 4),
    whenEqual(58, 0, 3),
    load(14 + 40),
    whenEqual(135, 2, 0),
    whenEqual(136, 1, 0),
    give(0),
    give(WHOLE_FRAME),
  ];
}

/** The instructions as the kernel reads them, little-endian. */
export function encodeFilter(instructions: readonly FilterInstruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  instructions.forEach(({ code, ifTrue, ifFalse, value }, index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  });
  return bytes;
}
