// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import { bitsOf, familyName } from '@fairlead/shared/address/address.ts';
import { type Cidr, formatCidr, parseCidr, rangeOfCidr } from '@fairlead/shared/address/cidr.ts';
import { cidrsOf } from '@fairlead/shared/address/cover.ts';
import { IntervalSet } from '@fairlead/shared/address/interval-set.ts';
import { type AddressRange, formatRange, sizeOfRange } from '@fairlead/shared/address/range.ts';
import { isNamespaceName, readKey } from '@fairlead/shared/pools/keys.ts';
import { type KeyValue, type PoolProblem, ProblemList } from '@fairlead/shared/pools/problems.ts';
import { readSource } from '@fairlead/shared/pools/read-source.ts';
import { acceptComment } from './accept-rule.ts';

/** One rule that there has to be: what comes for these addresses is accepted as it is. */
export interface WantedRule {
  readonly family: Family;
  readonly cidr: string;
  readonly comment: string;
}

/** What a ConfigMap asks for, and what in it cannot be used. */
export interface PoolRules {
  /** Ascending within a family, no address twice. */
  readonly rules: readonly WantedRule[];
  readonly problems: readonly PoolProblem[];
}

/** No Service has such an address, and a node does not work without its own. */
const NEVER = setOf(
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
);

/** Pools that are larger are typing errors, such as 0.0.0.0/0, which would cut kube-proxy off from everything. */
const WIDEST: Readonly<Record<Family, number>> = { 4: 8, 6: 16 };

/**
 * From the data of the ConfigMap to the fewest rules that cover its pools. Pools count as they are written, addresses included that the cloud
 * provider spares: they may be asked for by name. A value that cannot be used costs nothing else. Pure.
 */
export function poolRules(data: Readonly<Record<string, string>> | undefined): PoolRules {
  const problems = new ProblemList();
  const sources: { readonly key: string; readonly addresses: IntervalSet }[] = [];
  for (const key of Object.keys(data ?? {}).sort()) {
    const entry = { key, value: data?.[key] ?? '' };
    const name = readKey(key);
    // What else is in there concerns the cloud provider, which tells of it.
    if (name?.group !== 'pool') continue;
    if (name.word !== 'pool' && !isNamespaceName(name.suffix)) {
      problems.add(entry, 'warning', `has no effect: no namespace can be called "${name.suffix}"`);
      continue;
    }
    const { source } = readSource(entry, { expected: name.word, skipEndsOfCidrs: false }, problems);
    sources.push({ key, addresses: usable(entry, source.addresses, problems) });
  }
  const cidrs = cidrsOf(IntervalSet.of(sources.flatMap(({ addresses }) => rangesOf(addresses))));
  const keys = keysByCidr(cidrs, sources);
  const rules = cidrs.map(
    (cidr, index): WantedRule => ({
      family: cidr.family,
      cidr: formatCidr(cidr),
      comment: acceptComment(keys[index] ?? []),
    }),
  );
  return { rules, problems: problems.sorted() };
}

function usable(entry: KeyValue, addresses: IntervalSet, problems: ProblemList): IntervalSet {
  const ranges = rangesOf(addresses).filter((range) => {
    const { family } = range;
    if (sizeOfRange(range) <= 1n << BigInt(bitsOf(family) - WIDEST[family])) return true;
    const problem = `${formatRange(range)} is left out: expected at most as many ${familyName(family)} addresses as a /${WIDEST[family]} has, since kube-proxy may get nothing of what comes for a pool`;
    problems.add(entry, 'error', problem);
    return false;
  });
  const narrow = IntervalSet.of(ranges);
  const left = narrow.subtract(NEVER);
  if (!left.equals(narrow)) {
    const gone = narrow.subtract(left);
    const texts = rangesOf(gone).map((range) => formatRange(range));
    const problem = `${texts.join(', ')} left out: expected addresses that a Service can have, not unspecified, loopback, link-local or multicast ones`;
    problems.add(entry, 'error', problem);
  }
  return left;
}

/** For each prefix the keys that ask for some of it. Prefixes are ascending and disjoint within a family. */
function keysByCidr(
  cidrs: readonly Cidr[],
  sources: readonly { readonly key: string; readonly addresses: IntervalSet }[],
): readonly (readonly string[])[] {
  const keys = cidrs.map((): string[] => []);
  for (const { key, addresses } of sources) {
    for (const range of rangesOf(addresses)) {
      for (let index = firstReaching(cidrs, range); isTouched(cidrs[index], range); index += 1) {
        if (keys[index]?.at(-1) !== key) keys[index]?.push(key);
      }
    }
  }
  return keys;
}

function isTouched(cidr: Cidr | undefined, { family, last }: AddressRange): boolean {
  return cidr !== undefined && cidr.family === family && cidr.network <= last;
}

/** Index of the first prefix of a range's family that does not end before the range begins. */
function firstReaching(cidrs: readonly Cidr[], { family, first }: AddressRange): number {
  let low = 0;
  let high = cidrs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const cidr = cidrs[middle];
    const isBefore =
      cidr !== undefined &&
      (cidr.family < family || (cidr.family === family && rangeOfCidr(cidr).last < first));
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

function rangesOf(addresses: IntervalSet): readonly AddressRange[] {
  return [...addresses.ranges(4), ...addresses.ranges(6)];
}

function setOf(...texts: readonly string[]): IntervalSet {
  return IntervalSet.of(
    texts.flatMap((text) => {
      const cidr = parseCidr(text);
      return cidr.ok ? [rangeOfCidr(cidr.value)] : [];
    }),
  );
}
