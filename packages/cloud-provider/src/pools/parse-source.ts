// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, parseAddress } from '@fairlead/shared/address/address.ts';
import { formatCidr, parseCidr, rangeOfCidr } from '@fairlead/shared/address/cidr.ts';
import { IntervalSet } from '@fairlead/shared/address/interval-set.ts';
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { type AddressRange, parseRange, rangeOfAddress } from '@fairlead/shared/address/range.ts';
import { isOctetEnd } from './octet-ends.ts';
import type { PoolProblem, PoolSource } from './pool.ts';

/** How a source is read. */
export interface SourceOptions {
  /** Leave out first and last address of every IPv4 prefix shorter than /31 (`skip-end-ips-in-cidr`). */
  readonly skipEndsOfCidrs: boolean;
}

/** One ConfigMap value, read: what could be used, and what could not. */
export interface ReadSource {
  readonly source: PoolSource;
  /** Families of the entries `0.0.0.0/32` and `::/128`, which mean DHCP. */
  readonly dhcp: readonly Family[];
  readonly problems: readonly PoolProblem[];
}

/** One entry of a list: the addresses it stands for. */
interface Entry {
  readonly range: AddressRange | undefined;
  /** Small enough that its author named each address. */
  readonly named: boolean;
  readonly notice?: string;
}

/**
 * Reads the value of `cidr-<scope>` or `range-<scope>`: a comma list whose entries are CIDRs, `start-end` ranges or single
 * addresses. Each entry is read by its own form, whatever the key (kube-vip-cloud-provider decides by the value, too).
 * White space and empty entries are ignored; a bad entry never disables the others.
 */
export function readSource(key: string, value: string, options: SourceOptions): ReadSource {
  const ranges: AddressRange[] = [];
  const namedEnds: Address[] = [];
  const dhcp: Family[] = [];
  const problems: PoolProblem[] = [];
  const report = (severity: PoolProblem['severity'], problem: string) =>
    problems.push({ key, value, problem, severity });
  const texts = value
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  if (texts.length === 0) report('error', `is empty; expected ${EXPECTED[kindOf(key)]}`);
  for (const text of texts) {
    const entry = readEntry(text, kindOf(key), options);
    if (!entry.ok) {
      report('error', entry.problem);
      continue;
    }
    const { range, named, notice } = entry.value;
    if (notice !== undefined) report('notice', notice);
    if (range === undefined) continue;
    if (range.first === 0n && range.last === 0n) {
      dhcp.push(range.family);
      continue;
    }
    ranges.push(range);
    if (named) namedEnds.push(...endsOf(range));
  }
  namedEnds.sort((a, b) => (a.value < b.value ? -1 : 1));
  return { source: { key, value, addresses: IntervalSet.of(ranges), namedEnds }, dhcp, problems };
}

type Kind = 'cidr' | 'range';

const EXPECTED: Readonly<Record<Kind, string>> = {
  cidr: 'one or more CIDRs, for example 192.0.2.0/24,2001:db8::/64',
  range: 'one or more ranges start-end, for example 192.0.2.10-192.0.2.20',
};

function kindOf(key: string): Kind {
  return key.startsWith('cidr-') ? 'cidr' : 'range';
}

function readEntry(text: string, kind: Kind, options: SourceOptions): Parsed<Entry> {
  if (text.includes('/')) return readCidrEntry(text, options);
  if (text.includes('-')) {
    const range = parseRange(text);
    return range.ok ? parsed({ range: range.value, named: range.value.first === range.value.last }) : range;
  }
  const single = parseAddress(text);
  if (single.ok) return parsed({ range: rangeOfAddress(single.value), named: true });
  return unparsable(
    `"${text}" is not ${kind === 'cidr' ? 'a CIDR' : 'an address range'}; expected ${EXPECTED[kind]}`,
  );
}

function readCidrEntry(text: string, { skipEndsOfCidrs }: SourceOptions): Parsed<Entry> {
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
