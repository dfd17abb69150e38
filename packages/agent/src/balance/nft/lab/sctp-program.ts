// SPDX-License-Identifier: Apache-2.0
/**
 * Lab program: the first two packets of an SCTP association over IPv4, by hand, as a kernel may not have SCTP. `pod NAME PORT` answers each
 * INIT with its name and who asked; `client` sends them as told on standard input, and prints what came back.
 */

import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { openSocket, receiveDatagram, SOCK_NONBLOCK_CLOEXEC, sendDatagramTo } from '../../../system/libc.ts';
import type { Command } from './client-program.ts';

const AF_INET = 2;
const SOCK_RAW = 3;
const IPPROTO_SCTP = 132;
const INIT = 1;
const INIT_ACK = 2;
const STATE_COOKIE = 7;
/** RFC 9260: common header, then the fixed part of both chunks. */
const HEADER_LENGTH = 12;
const CHUNK_LENGTH = 20;
const WAIT_MS = 2_000;
const LOOK_EVERY_MS = 2;

interface Segment {
  readonly peer: string;
  readonly sourcePort: number;
  readonly port: number;
  readonly chunk: number;
  readonly initiateTag: number;
  readonly cookie: string;
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function encode(segment: Omit<Segment, 'peer'> & { readonly verificationTag: number }): Buffer {
  const cookie = Buffer.from(segment.cookie);
  const parameter = cookie.length === 0 ? 0 : (4 + cookie.length + 3) & ~3;
  const bytes = Buffer.alloc(HEADER_LENGTH + CHUNK_LENGTH + parameter);
  bytes.writeUInt16BE(segment.sourcePort, 0);
  bytes.writeUInt16BE(segment.port, 2);
  bytes.writeUInt32BE(segment.verificationTag, 4);
  bytes.writeUInt8(segment.chunk, 12);
  bytes.writeUInt16BE(CHUNK_LENGTH + parameter, 14);
  bytes.writeUInt32BE(segment.initiateTag, 16);
  bytes.writeUInt32BE(65_536, 20);
  bytes.writeUInt16BE(1, 24);
  bytes.writeUInt16BE(1, 26);
  if (parameter > 0) {
    bytes.writeUInt16BE(STATE_COOKIE, 32);
    bytes.writeUInt16BE(4 + cookie.length, 34);
    cookie.copy(bytes, 36);
  }
  bytes.writeUInt32LE(crc32c(bytes), 8);
  return bytes;
}

/** A packet with its IPv4 header. */
function decode(packet: Buffer): Segment {
  const bytes = packet.subarray((packet.readUInt8(0) & 15) * 4);
  const hasCookie = bytes.length > HEADER_LENGTH + CHUNK_LENGTH;
  return {
    peer: packet.subarray(12, 16).join('.'),
    sourcePort: bytes.readUInt16BE(0),
    port: bytes.readUInt16BE(2),
    chunk: bytes.readUInt8(12),
    initiateTag: bytes.readUInt32BE(16),
    cookie: hasCookie ? bytes.toString('utf8', 36, 32 + bytes.readUInt16BE(34)) : '',
  };
}

const socket = openSocket(AF_INET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, IPPROTO_SCTP);

function send(bytes: Buffer, to: string): void {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  Buffer.from(to.split('.').map(Number)).copy(address, 4);
  sendDatagramTo(socket, bytes, address);
}

/** The next segment that is meant; undefined when none comes in time. */
async function receive(isMeant: (segment: Segment) => boolean, waitMs: number): Promise<Segment | undefined> {
  const [packet, sender] = [Buffer.alloc(1_500), Buffer.alloc(16)];
  const untilMs = performance.now() + waitMs;
  while (performance.now() < untilMs) {
    const length = receiveDatagram(socket, packet, sender);
    if (length < 0) await delay(LOOK_EVERY_MS);
    else {
      const segment = decode(packet.subarray(0, length));
      if (isMeant(segment)) return segment;
    }
  }
  return undefined;
}

async function answer(name: string, port: number): Promise<never> {
  process.stdout.write('ready\n');
  for (;;) {
    const init = await receive((each) => each.chunk === INIT && each.port === port, WAIT_MS);
    if (init === undefined) continue;
    const reply = {
      sourcePort: port,
      port: init.sourcePort,
      chunk: INIT_ACK,
      initiateTag: 2,
      verificationTag: init.initiateTag,
      cookie: JSON.stringify({ name, from: init.peer }),
    };
    send(encode(reply), init.peer);
  }
}

let lastPort = 40_000;

async function ask([host, port]: Command['to'][number]): Promise<unknown> {
  const sourcePort = ++lastPort;
  const init = { sourcePort, port, chunk: INIT, initiateTag: 1, verificationTag: 0, cookie: '' };
  send(encode(init), host);
  const reply = await receive(
    (each) => each.chunk === INIT_ACK && each.peer === host && each.port === sourcePort,
    WAIT_MS,
  );
  return reply === undefined ? { error: 'TIMEOUT' } : JSON.parse(reply.cookie);
}

const [role, name = '', port = ''] = process.argv.slice(2);
if (role === 'pod') await answer(name, Number(port));
for await (const line of createInterface({ input: process.stdin })) {
  const answers: unknown[] = [];
  for (const to of (JSON.parse(line) as Command).to) answers.push(await ask(to));
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
