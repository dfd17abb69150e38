// SPDX-License-Identifier: Apache-2.0
/*
 * Changes as messages to the kernel, for those that come often and have to be quick: front ends and their slots. `nft` reads the
 * whole ruleset before it changes anything. What is rare is left to it; what is written here is what it would write, which a
 * test in the kernel compares.
 */
import { addressOf } from '@fairlead/shared/address/address.ts';
import type { Protocol } from '../../services/served-service.ts';
import type { FinishedBatch, NftMember } from '../../system/nftables/nft-batch.ts';
import { NftBatch } from '../../system/nftables/nft-batch.ts';
import type { NftStep } from '../../system/nftables/steps.ts';
import { SHARED_SETS } from './nat-frame.ts';
import type { Change, Destination, NftElement, Rule, Selector, Verdict } from './ruleset.ts';

/** A transaction with these changes; undefined where one of them is none that can be written here. Pure. */
export function encodeChanges(changes: readonly Change[]): FinishedBatch | undefined {
  const batch = new NftBatch();
  for (const change of changes) {
    if (!encode(batch, change)) return undefined;
  }
  return batch.finish();
}

function encode(batch: NftBatch, change: Change): boolean {
  const { table } = change;
  switch (change.do) {
    case 'addChain':
      if (change.chain.hook !== undefined) return false;
      batch.addChain({ table, name: change.chain.name });
      return true;
    case 'flushChain':
    case 'deleteChain':
      batch[change.do]({ table, name: change.chain.name });
      return true;
    case 'addRule': {
      const steps = spreading(change.rule, table.family === 'ip6' ? IPV6 : IPV4);
      if (steps !== undefined) batch.addRule({ table, name: change.chain }, steps);
      return steps !== undefined;
    }
    case 'addElements':
    case 'deleteElements': {
      const members = change.elements.map(member);
      if (!members.every((each) => each !== undefined)) return false;
      const set = { table, name: change.set };
      if (change.do === 'addElements') batch.addMembers(set, members);
      else batch.deleteMembers(set, members);
      return true;
    }
    default:
      return false;
  }
}

/** Where addresses are in a packet's header, and how many registers one takes. */
interface Layout {
  readonly family: 'ip' | 'ip6';
  readonly source: number;
  readonly destination: number;
  readonly length: number;
}

const IPV4: Layout = { family: 'ip', source: 12, destination: 16, length: 4 };
const IPV6: Layout = { family: 'ip6', source: 8, destination: 24, length: 16 };
/** The destination port of TCP, UDP and SCTP. */
const PORT = { offset: 2, length: 2 } as const;
const WORD_LENGTH = 4;

/** IANA's protocol numbers. */
const PROTOCOLS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** The rule that sends a packet to the slot of its front end. */
function spreading({ matches, statement }: Rule, layout: Layout): readonly NftStep[] | undefined {
  const [only] = matches;
  if (matches.length !== 1 || only?.kind !== 'protocol' || statement.kind !== 'spread') return undefined;
  const { family, destination, length } = layout;
  const words = length / WORD_LENGTH;
  return [
    { step: 'protocol', word: 0 },
    { step: 'compare', value: Buffer.from([PROTOCOLS[only.protocol]]), word: 0 },
    { step: 'payload', header: 'network', offset: destination, length, word: 0 },
    { step: 'payload', header: 'transport', ...PORT, word: words },
    ...selecting(statement.by, layout, words + 1),
    { step: 'lookup', set: statement.map, word: 0, to: 0 },
    { step: 'dnat', family, address: 0, port: words },
  ];
}

function selecting(by: Selector, { source, length }: Layout, word: number): readonly NftStep[] {
  if (by.kind === 'turn') return [{ step: 'turn', modulus: by.size, word }];
  // Behind all that the key needs, and for IPv6 a register of 16 bytes.
  const from = 12;
  const { size, seed } = by;
  return [
    { step: 'payload', header: 'network', offset: source, length, word: from },
    { step: 'hash', from, length, modulus: size, seed, word },
  ];
}

function member({ set, key, data }: NftElement): NftMember | undefined {
  const bytes = FRONTEND_SETS.has(set)
    ? frontendKey(key)
    : set.startsWith('slots-')
      ? slotKey(key)
      : undefined;
  return bytes === undefined || data === undefined ? bytes && { key: bytes } : withData(bytes, data);
}

function frontendKey([address, protocol, port]: NftElement['key']): Buffer | undefined {
  const parts = [addressBytes(String(address)), protocolBytes(String(protocol)), portBytes(Number(port))];
  return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
}

function slotKey([address, port, slot]: NftElement['key']): Buffer | undefined {
  const key = addressAndPort(String(address), Number(port), WORD_LENGTH);
  // A number that the kernel has made itself, in its own order of bytes: all machines that we run on are little-endian.
  key?.writeUInt32LE(Number(slot), key.length - WORD_LENGTH);
  return key;
}

const FRONTEND_SETS: ReadonlySet<string> = new Set([
  SHARED_SETS.frontends,
  SHARED_SETS.masqueraded,
  SHARED_SETS.refused,
]);

function withData(key: Buffer, data: Destination | Verdict): NftMember | undefined {
  if ('goto' in data) return { key, data };
  const bytes = addressAndPort(data.address, data.port);
  return bytes && { key, data: bytes };
}

/** The two, and room for more: there are hundreds of thousands of them, and joining parts costs several times as much. */
function addressAndPort(address: string, port: number, room = 0): Buffer | undefined {
  const bytes = addressBytes(address);
  if (bytes === undefined) return undefined;
  const key = Buffer.alloc(bytes.length + WORD_LENGTH + room);
  key.set(bytes);
  key.writeUInt16BE(port, bytes.length);
  return key;
}

/** Bytes of addresses that were asked for lately: each back end is in several slots, one behind the other. */
const knownAddresses = new Map<string, Buffer>();
const MOST_KNOWN = 1_024;

/** Not to be changed. */
function addressBytes(text: string): Buffer | undefined {
  const known = knownAddresses.get(text);
  if (known !== undefined) return known;
  const address = addressOf(text);
  if (address === undefined) return undefined;
  const bytes = Buffer.from(address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0'), 'hex');
  if (knownAddresses.size >= MOST_KNOWN) knownAddresses.clear();
  knownAddresses.set(text, bytes);
  return bytes;
}

/** Parts of a key that are shorter than a register are filled up behind. */
function protocolBytes(protocol: string): Buffer | undefined {
  const number = isProtocol(protocol) ? PROTOCOLS[protocol] : undefined;
  return number === undefined ? undefined : Buffer.from([number, 0, 0, 0]);
}

function isProtocol(text: string): text is Protocol {
  return text in PROTOCOLS;
}

function portBytes(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff, 0, 0]);
}
