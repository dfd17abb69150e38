// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, parseAddress } from '../address/address.ts';
import { formatCidr, parseCidr, rangeOfCidr } from '../address/cidr.ts';
import { IntervalSet } from '../address/interval-set.ts';
import { type Parsed, parsed, unparsable } from '../address/parsed.ts';
import { type AddressRange, parseRange, rangeOfAddress } from '../address/range.ts';
import type { PoolKey } from './keys.ts';
import { isOctetEnd } from './octet-ends.ts';
import type { KeyValue, ProblemList } from './problems.ts';

/** The addresses of one ConfigMap key. */
export interface PoolSource {
  /** ConfigMap key, for example `range-global`. */
  readonly key: string;
  /** Its value as written, for messages. */
  readonly value: string;
  /** Every address the key lists, those ending in .0 and .255 included. */
  readonly addresses: IntervalSet;
  /**
   * IPv4 addresses ending in .0 or .255 that the key names one by one (a single address, a /31, a /32): handed out,
   * unlike all others of that form. Ascending.
   */
  readonly namedEnds: readonly Address[];
}

/** How a list of addresses is read. */
export interface ListOptions {
  /** For messages: what the list is expected to hold. */
  readonly expected: PoolKey | 'avoid';
  /** Leave out first and last address of every IPv4 prefix shorter than /31 (`skip-end-ips-in-cidr`). */
  readonly skipEndsOfCidrs: boolean;
  /** Id of the pool that has the list, for problems. */
  readonly pool?: string;
}

/** What could be used of a list that makes a pool. */
export interface ReadSource {
  readonly source: PoolSource;
  /** Families of the entries `0.0.0.0/32` and `::/128`, which mean DHCP. */
  readonly dhcp: readonly Family[];
}

/** One entry of a list: the addresses it stands for. */
interface Entry {
  readonly range: AddressRange;
  /** Small enough that its author named each address. */
  readonly named: boolean;
  readonly notice?: string;
}

const EXPECTED: Readonly<Record<ListOptions['expected'], string>> = {
  cidr: 'one or more CIDRs, for example 192.0.2.0/24,2001:db8::/64',
  range: 'one or more ranges start-end, for example 192.0.2.10-192.0.2.20',
  pool: 'CIDRs, ranges or addresses, for example 192.0.2.0/24,198.51.100.10-198.51.100.20',
  avoid: 'addresses, CIDRs or ranges, for example 192.0.2.1,192.0.2.240/28',
};

const FORM: Readonly<Record<ListOptions['expected'], string>> = {
  cidr: 'a CIDR',
  range: 'an address range',
  pool: 'a CIDR, range or address',
  avoid: 'an address, CIDR or range',
};

/** Reads the list of a pool: `cidr-…`, `range-…` or `pool-…`. */
export function readSource(entry: KeyValue, options: ListOptions, problems: ProblemList): ReadSource {
  const ranges: AddressRange[] = [];
  const namedEnds: Address[] = [];
  const dhcp: Family[] = [];
  for (const { range, named } of readEntries(entry, options, problems)) {
    if (range.first === 0n && range.last === 0n) {
      dhcp.push(range.family);
      continue;
    }
    ranges.push(range);
    if (named) namedEnds.push(...endsOf(range));
  }
  namedEnds.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  const { key, value } = entry;
  return { source: { key, value, addresses: IntervalSet.of(ranges), namedEnds }, dhcp };
}

/** Reads the list of an option: every address of every entry. */
export function readAddresses(entry: KeyValue, options: ListOptions, problems: ProblemList): IntervalSet {
  return IntervalSet.of(readEntries(entry, options, problems).map(({ range }) => range));
}

/**
 * Reads a list whose entries, between commas or line ends, are CIDRs, `start-end` ranges or single addresses. Each is read by
 * its own form, whatever the key (kube-vip-cloud-provider decides by the value, too). White space and empty entries are
 * ignored; a bad entry never disables the others.
 */
function readEntries(entry: KeyValue, options: ListOptions, problems: ProblemList): readonly Entry[] {
  const { expected, pool } = options;
  const about = pool === undefined ? {} : { pool };
  const entries: Entry[] = [];
  let empty = true;
  for (const { text, offset } of splitList(entry.value)) {
    empty = false;
    const read = readEntry(text, options);
    if (!read.ok) {
      problems.add(entry, 'error', read.problem, { ...about, offset });
      continue;
    }
    if (read.value.notice !== undefined)
      problems.add(entry, 'notice', read.value.notice, { ...about, offset });
    entries.push(read.value);
  }
  if (empty) {
    const severity = expected === 'avoid' ? 'warning' : 'error';
    problems.add(entry, severity, `is empty; expected ${EXPECTED[expected]}`, about);
  }
  return entries;
}

/** The entries of a list, trimmed, without empty ones, each with its place. */
export function* splitList(value: string): Generator<{ readonly text: string; readonly offset: number }> {
  for (const match of value.matchAll(/[^,\n]+/g)) {
    const text = match[0].trim();
    if (text !== '') yield { text, offset: match.index + match[0].search(/\S/) };
  }
}

/** Spares words the parser, which tells by exceptions. */
const MAYBE_ADDRESS = /^\d[\d.]*$|:/;

function readEntry(text: string, options: ListOptions): Parsed<Entry> {
  if (text.includes('/')) return readCidrEntry(text, options);
  if (text.includes('-')) {
    const range = parseRange(text);
    return range.ok ? parsed({ range: range.value, named: range.value.first === range.value.last }) : range;
  }
  const single = MAYBE_ADDRESS.test(text) ? parseAddress(text) : undefined;
  if (single?.ok) return parsed({ range: rangeOfAddress(single.value), named: true });
  return unparsable(
    `"${shorten(text)}" is not ${FORM[options.expected]}; expected ${EXPECTED[options.expected]}`,
  );
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function readCidrEntry(text: string, { skipEndsOfCidrs }: ListOptions): Parsed<Entry> {
  const cidr = parseCidr(text);
  if (!cidr.ok) return cidr;
  const { family, prefixLength, hostBitsMasked } = cidr.value;
  const whole = rangeOfCidr(cidr.value);
  const named = family === 4 && prefixLength >= 31;
  const skip = skipEndsOfCidrs && family === 4 && !named;
  const range = skip ? { family, first: whole.first + 1n, last: whole.last - 1n } : whole;
  const notice = hostBitsMasked
    ? `"${text}" has host bits set; read as ${formatCidr(cidr.value)}`
    : undefined;
  return parsed({ range, named, ...(notice !== undefined && { notice }) });
}

/** Addresses of a range of one or two that end in .0 or .255. */
function endsOf({ family, first, last }: AddressRange): Address[] {
  const values = first === last ? [first] : [first, last];
  return values.filter((value) => isOctetEnd(family, value)).map((value) => ({ family, value }));
}
