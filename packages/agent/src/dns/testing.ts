// SPDX-License-Identifier: Apache-2.0

/** Records of one name. */
export interface Records {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
}

/** Name -> its records, or `fails`. */
export type Zone = ReadonlyMap<string, Records | 'fails'>;

const TYPE = { a: 1, aaaa: 28 } as const;
const SERVFAIL = 2;
const NXDOMAIN = 3;

/** What a DNS server with this zone answers (RFC 1035): just enough for a resolver that asks for addresses. */
export function answerTo(question: Buffer, zone: Zone, ttlSeconds: number): Buffer {
  const { name, type, end } = readQuestion(question);
  const records = zone.get(name);
  const found = records === undefined || records === 'fails' ? [] : recordsOf(records, type);
  const code = records === undefined ? NXDOMAIN : records === 'fails' ? SERVFAIL : 0;
  const head = Buffer.alloc(12);
  question.copy(head, 0, 0, 2);
  // An authoritative answer to a recursive question.
  head.writeUInt16BE(0x8580 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(found.length, 6);
  const answers = found.map((data) => {
    const fixed = Buffer.alloc(12);
    // The name is the one at offset 12.
    fixed.writeUInt16BE(0xc00c, 0);
    fixed.writeUInt16BE(type, 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(ttlSeconds, 6);
    fixed.writeUInt16BE(data.length, 10);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([head, question.subarray(12, end), ...answers]);
}

function readQuestion(question: Buffer): {
  readonly name: string;
  readonly type: number;
  readonly end: number;
} {
  const labels: string[] = [];
  let at = 12;
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: question.readUInt16BE(at + 1), end: at + 5 };
}

function recordsOf({ a = [], aaaa = [] }: Records, type: number): readonly Buffer[] {
  if (type === TYPE.a) return a.map((address) => Buffer.from(address.split('.').map(Number)));
  return type === TYPE.aaaa ? aaaa.map(ipv6Bytes) : [];
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const parts = (text: string) =>
    text === '' ? [] : text.split(':').map((part) => Number.parseInt(part, 16));
  const [first, last] = [parts(head), parts(tail)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => 0);
  const bytes = Buffer.alloc(16);
  for (const [index, part] of [...first, ...zeros, ...last].entries()) bytes.writeUInt16BE(part, 2 * index);
  return bytes;
}
