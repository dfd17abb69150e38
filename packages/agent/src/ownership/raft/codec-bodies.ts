// SPDX-License-Identifier: Apache-2.0
import type { ByteReader, ByteWriter } from './bytes.ts';
import { MAX_VOTERS } from './group-record.ts';
import {
  type Availability,
  type Body,
  type ConfigNews,
  type Grant,
  type Knowledge,
  MAX_ADDRESSES_PER_MESSAGE,
  MAX_NEWS_PER_MESSAGE,
  type News,
  type NewsChange,
  type Renew,
  type ReportPage,
} from './messages.ts';

/*
 * One function to write and one to read each kind of body. Names of agents stand once in a message, in a table before the
 * body; a body has their numbers. The number of each kind is part of the wire format: never use one again.
 */

/** Number of a name in the table of the message that is being written. */
export type NameIndex = (name: string) => number;
/** The reverse, for the message that is being read. */
export type NameAt = (index: number) => string;

/** Stands for ''. */
export const NO_NAME = 0xff;

/** All names in a body, '' left out. */
export function namesIn(body: Body): readonly string[] {
  switch (body.type) {
    case 'renew':
      return [body.reign.coordinator.name];
    case 'resign':
      return body.successor === '' ? NONE : [body.successor];
    case 'config':
      return body.config.voters;
    case 'news':
      return body.changes.flatMap(({ node }) => (node === '' ? NONE : [node]));
    default:
      return NONE;
  }
}

const NONE: readonly string[] = [];

/** Writes the number of the kind, then the body. */
export function writeBody(writer: ByteWriter, body: Body, indexOf: NameIndex): void {
  const codec = codecOf(body.type);
  writer.u8(codec.kind, 'kind');
  codec.write(writer, body, indexOf);
}

/** Undefined, and the reader's `problem`, when it is none. */
export function readBody(reader: ByteReader, nameAt: NameAt): Body | undefined {
  const kind = reader.u8();
  const codec = CODEC_OF_KIND.get(kind);
  if (codec === undefined) reader.fail(`a message of kind ${kind}, which is not known`);
  return codec?.read(reader, nameAt);
}

interface BodyCodec<B> {
  readonly kind: number;
  write(writer: ByteWriter, body: B, indexOf: NameIndex): void;
  read(reader: ByteReader, nameAt: NameAt): B;
}

type BodyOf<T extends Body['type']> = Extract<Body, { readonly type: T }>;

/** A body that consists of its kind. */
function empty<B extends Body>(kind: number, body: B): BodyCodec<B> {
  return { kind, write: () => undefined, read: () => body };
}

const CODECS: { readonly [T in Body['type']]: BodyCodec<BodyOf<T>> } = {
  preVote: {
    kind: 1,
    write: (writer, { round }) => writer.u48(round, 'round'),
    read: (reader) => ({ type: 'preVote', round: reader.u48() }),
  },
  preVoteReply: {
    kind: 2,
    write(writer, { round, granted, waitMs }) {
      writer.u48(round, 'round');
      writer.bool(granted);
      writer.wait(waitMs, 'waitMs');
    },
    read(reader) {
      return {
        type: 'preVoteReply',
        round: reader.u48(),
        granted: reader.bool('granted'),
        waitMs: reader.u32(),
      };
    },
  },
  vote: empty(3, { type: 'vote' }),
  voteReply: {
    kind: 4,
    write: (writer, { granted }) => writer.bool(granted),
    read: (reader) => ({ type: 'voteReply', granted: reader.bool('granted') }),
  },
  heartbeat: {
    kind: 5,
    write: (writer, { nonce }) => writer.u48(nonce, 'nonce'),
    read: (reader) => ({ type: 'heartbeat', nonce: reader.u48() }),
  },
  echo: {
    kind: 6,
    write(writer, { nonce, settledEpoch, graceMs }) {
      writer.u48(nonce, 'nonce');
      writer.u32(settledEpoch, 'settledEpoch');
      writer.wait(graceMs, 'graceMs');
    },
    read(reader) {
      return { type: 'echo', nonce: reader.u48(), settledEpoch: reader.u32(), graceMs: reader.u32() };
    },
  },
  heartbeatRefused: empty(7, { type: 'heartbeatRefused' }),
  resign: {
    kind: 8,
    write: (writer, { successor }, indexOf) => writer.u8(numberOf(successor, indexOf), 'successor'),
    read: (reader, nameAt) => ({ type: 'resign', successor: nameAt(reader.u8()) }),
  },
  announce: {
    kind: 9,
    write: (writer, { unknownBinding }) => writer.u48(unknownBinding, 'unknownBinding'),
    read: (reader) => ({ type: 'announce', unknownBinding: reader.u48() }),
  },
  seek: empty(10, { type: 'seek' }),
  renew: { kind: 11, write: writeRenew, read: readRenew },
  grant: { kind: 12, write: writeGrant, read: readGrant },
  news: { kind: 13, write: writeNews, read: readNews },
  config: { kind: 14, write: writeConfig, read: readConfig },
};

const CODEC_OF_KIND = new Map<number, BodyCodec<Body>>(
  Object.values(CODECS).map((codec) => [codec.kind, codec as BodyCodec<Body>]),
);

/** TypeScript cannot see that the codec that is found under a body's type is the one for that body. */
function codecOf(type: Body['type']): BodyCodec<Body> {
  return CODECS[type] as BodyCodec<Body>;
}

/** Number of a name that may be ''. */
function numberOf(name: string, indexOf: NameIndex): number {
  return name === '' ? NO_NAME : indexOf(name);
}

const AVAILABILITIES: readonly Availability[] = ['available', 'draining', 'unavailable', 'gone'];
const HAS_REPORT = 1;
const LETS_GO = 2;
const RAN_OUT = 4;
const KNOWLEDGES: readonly Knowledge[] = ['none', 'old', 'current'];

function writeRenew(writer: ByteWriter, body: Renew, indexOf: NameIndex): void {
  const { reign, report } = body;
  writer.u48(reign.term, 'term of the reign');
  writer.u8(indexOf(reign.coordinator.name), 'coordinator');
  writer.hex(reign.coordinator.instance, 16, 'instance of the coordinator');
  writer.u48(body.binding, 'binding');
  writer.u48(body.nonce, 'nonce');
  writer.u48(body.answered, 'answered');
  writer.u48(body.applied, 'applied');
  writer.u48(body.settled, 'settled');
  writer.u48(body.newsVersion, 'newsVersion');
  writer.u8(AVAILABILITIES.indexOf(body.availability), 'availability');
  writer.u8(KNOWLEDGES.indexOf(body.knowledge), 'knowledge');
  const reports = report === undefined ? 0 : HAS_REPORT | (report.ranOutMs === undefined ? 0 : RAN_OUT);
  writer.u8(reports | (body.letGo ? LETS_GO : 0), 'flags');
  writeAddresses(writer, body.refused);
  if (report === undefined) return;
  writer.u16(report.page, 'page');
  writer.u16(report.pages, 'pages');
  if (report.ranOutMs !== undefined) writer.wait(report.ranOutMs, 'ranOutMs');
  writeAddresses(writer, report.addresses);
}

function readRenew(reader: ByteReader, nameAt: NameAt): Renew {
  const term = reader.u48();
  const coordinator = { name: nameAt(reader.u8()), instance: reader.hex(16) };
  const binding = reader.u48();
  const nonce = reader.u48();
  const answered = reader.u48();
  const applied = reader.u48();
  const settled = reader.u48();
  const newsVersion = reader.u48();
  const availability = readAvailability(reader);
  const knowledge = readKnowledge(reader);
  const flags = reader.u8();
  if (flags > (HAS_REPORT | LETS_GO | RAN_OUT)) {
    reader.fail(`flags ${flags}; expected at most 7`);
  }
  const refused = readAddresses(reader);
  return {
    type: 'renew',
    reign: { term, coordinator },
    binding,
    nonce,
    answered,
    applied,
    settled,
    report: (flags & HAS_REPORT) === 0 ? undefined : readReport(reader, (flags & RAN_OUT) !== 0),
    refused,
    letGo: (flags & LETS_GO) !== 0,
    availability,
    knowledge,
    newsVersion,
  };
}

function readKnowledge(reader: ByteReader): Knowledge {
  const number = reader.u8();
  const knowledge = KNOWLEDGES[number];
  if (knowledge === undefined) reader.fail(`knowledge ${number}; expected at most ${KNOWLEDGES.length - 1}`);
  return knowledge ?? 'none';
}

function readReport(reader: ByteReader, ranOut: boolean): ReportPage {
  const page = reader.u16();
  const pages = reader.u16();
  if (page >= pages) reader.fail(`page ${page} of ${pages}; expected less`);
  const ranOutMs = ranOut ? reader.u32() : undefined;
  return { page, pages, ranOutMs, addresses: readAddresses(reader) };
}

function writeGrant(writer: ByteWriter, body: Grant): void {
  writer.u48(body.binding, 'binding');
  writer.u48(body.nonce, 'nonce');
  writer.u32(body.lengthMs, 'lengthMs');
  writer.u48(body.base, 'base');
  writer.u48(body.version, 'version');
  writeAddresses(writer, body.add);
  writeAddresses(writer, body.remove);
}

function readGrant(reader: ByteReader): Grant {
  return {
    type: 'grant',
    binding: reader.u48(),
    nonce: reader.u48(),
    lengthMs: reader.u32(),
    base: reader.u48(),
    version: reader.u48(),
    add: readAddresses(reader),
    remove: readAddresses(reader),
  };
}

const MEMBER_STATES = ['up', 'lost', 'left'] as const;
const OWNER_CHANGE = 0;

function writeNews(writer: ByteWriter, body: News, indexOf: NameIndex): void {
  writer.u48(body.base, 'base');
  writer.u48(body.version, 'version');
  writeCount(writer, body.changes.length, MAX_NEWS_PER_MESSAGE, 'news');
  for (const change of body.changes) {
    if (change.kind === 'member') {
      writer.u8(1 + MEMBER_STATES.indexOf(change.state), 'state');
      writer.u8(indexOf(change.node), 'node');
      writer.u16(change.silentMs, 'silentMs');
      writer.u8(change.losses, 'losses');
    } else {
      writer.u8(OWNER_CHANGE, 'kind of news');
      writer.u8(numberOf(change.node, indexOf), 'node');
      writer.address(change.address);
    }
  }
}

function readNews(reader: ByteReader, nameAt: NameAt): News {
  const base = reader.u48();
  const version = reader.u48();
  const changes: NewsChange[] = [];
  for (let left = reader.count(MAX_NEWS_PER_MESSAGE, 'news'); left > 0; left--) {
    const kind = reader.u8();
    const node = nameAt(reader.u8());
    if (kind === OWNER_CHANGE) changes.push({ kind: 'owner', address: reader.address(), node });
    else {
      const state = MEMBER_STATES[kind - 1];
      if (state === undefined || node === '') reader.fail(`news of kind ${kind} about "${node}"`);
      const silentMs = reader.u16();
      changes.push({ kind: 'member', node, state: state ?? 'up', silentMs, losses: reader.u8() });
    }
  }
  return { type: 'news', base, version, changes };
}

function writeConfig(writer: ByteWriter, { config }: ConfigNews, indexOf: NameIndex): void {
  writer.u32(config.epoch, 'epoch of the configuration');
  writeCount(writer, config.voters.length, MAX_VOTERS, 'voters');
  for (const voter of config.voters) writer.u8(indexOf(voter), 'voter');
  writer.bool(config.isReformed === true);
}

function readConfig(reader: ByteReader, nameAt: NameAt): ConfigNews {
  const epoch = reader.u32();
  const voters: string[] = [];
  for (let left = reader.count(MAX_VOTERS, 'voters'); left > 0; left--) {
    const voter = nameAt(reader.u8());
    if (voter <= (voters.at(-1) ?? '')) reader.fail('voters that are not different names in order');
    voters.push(voter);
  }
  const isReformed = reader.bool('reformed');
  return { type: 'config', config: { epoch, voters, ...(isReformed && { isReformed }) } };
}

function writeAddresses(writer: ByteWriter, addresses: readonly string[]): void {
  writeCount(writer, addresses.length, MAX_ADDRESSES_PER_MESSAGE, 'addresses');
  for (const address of addresses) writer.address(address);
}

function readAddresses(reader: ByteReader): readonly string[] {
  const addresses: string[] = [];
  for (let left = reader.count(MAX_ADDRESSES_PER_MESSAGE, 'addresses'); left > 0; left--) {
    addresses.push(reader.address());
  }
  return addresses;
}

function writeCount(writer: ByteWriter, count: number, max: number, what: string): void {
  if (count > max) writer.fail(`${count} ${what} in one message; expected at most ${max}`);
  else writer.u8(count, what);
}

function readAvailability(reader: ByteReader): Availability {
  const index = reader.u8();
  const value = AVAILABILITIES[index];
  if (value === undefined)
    reader.fail(`availability ${index}; expected at most ${AVAILABILITIES.length - 1}`);
  return value ?? 'unavailable';
}
