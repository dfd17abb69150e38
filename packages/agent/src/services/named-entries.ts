// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { chooseAddresses, type DnsMode, familiesOf } from '../dns/choose-addresses.ts';
import { hostNameOf } from '../dns/host-name.ts';
import type { NameState } from '../dns/name-book.ts';
import type { NameLookup } from '../dns/name-watcher.ts';
import { AGENT_REASON, type ServiceProblem } from './problem.ts';

/** What the names among the entries of a Service stand for. */
export interface NamedEntries {
  /** Name -> addresses, which may be none yet. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly ServiceProblem[];
}

/**
 * Resolves the names among the entries. What the status names and no entry explains counts twice: of several addresses it
 * is the one that is kept, and while a name has no answer yet (the agent has just started, the resolver is away) it is
 * taken for the answer. Pure.
 *
 * @param status addresses in `status.loadBalancer`
 */
export function resolvedEntries(
  entries: readonly string[],
  status: readonly string[],
  lookup: Pick<NameLookup, 'mode' | 'stateOf'>,
): NamedEntries {
  const { mode } = lookup;
  const names = [...new Set(entries.flatMap((entry) => hostNameOf(entry) ?? []))];
  const addresses = new Map<string, readonly string[]>();
  const problems: ServiceProblem[] = [];
  if (names.length === 0) return { addresses, problems };
  const named = new Set(status.flatMap((text) => canonicalOf(text) ?? []));
  const states = new Map(names.map((name) => [name, lookup.stateOf(name)]));
  for (const [name, state] of states) {
    if (state?.answer !== undefined) addresses.set(name, chooseAddresses(state.answer, mode, named));
  }
  const unanswered = names.filter((name) => !addresses.has(name));
  const [only] = unanswered;
  if (only !== undefined && unanswered.length === 1) {
    const explained = new Set(
      [...entries.flatMap((entry) => canonicalOf(entry) ?? []), ...addresses.values()].flat(),
    );
    const rest = [...named].filter((address) => !explained.has(address));
    addresses.set(only, chooseAddresses(byFamily(rest), mode, named));
  }
  for (const [name, state] of states) {
    const message = state === undefined ? undefined : messageOf(name, state, mode, addresses.get(name) ?? []);
    if (message !== undefined) problems.push({ reason: AGENT_REASON.nameUnresolved, message });
  }
  return { addresses, problems };
}

function messageOf(
  name: string,
  { answer, problems }: NameState,
  mode: DnsMode,
  chosen: readonly string[],
): string | undefined {
  const families = familiesOf(mode);
  // One address is enough for `first`: the family that it is not of does not matter.
  const inUse = mode === 'first' ? familiesIn(chosen) : [];
  const failures = (inUse.length > 0 ? inUse : families).flatMap((family) => problems[family] ?? []);
  if (failures.length > 0) {
    const kept = chosen.length === 0 ? 'it is asked for again' : `${chosen.join(' and ')} stays in use`;
    return `${name} cannot be resolved: ${[...new Set(failures)].join('; ')}; ${kept}`;
  }
  if (answer === undefined) return undefined;
  const missing = families.filter((family) => answer[family].length === 0);
  if (missing.length === 0 || (mode === 'first' && chosen.length > 0)) return undefined;
  return `${name} has no ${missing.map((family) => WORDS[family]).join(' and no ')} address, and dns_mode is ${mode}`;
}

function familiesIn(addresses: readonly string[]): readonly (keyof NameState['problems'])[] {
  const { ipv4, ipv6 } = byFamily(addresses);
  return [...(ipv4.length > 0 ? (['ipv4'] as const) : []), ...(ipv6.length > 0 ? (['ipv6'] as const) : [])];
}

const WORDS = { ipv4: 'IPv4', ipv6: 'IPv6' } as const;

function byFamily(addresses: readonly string[]) {
  return {
    ipv4: addresses.filter((address) => !address.includes(':')),
    ipv6: addresses.filter((address) => address.includes(':')),
  };
}

function canonicalOf(text: string): string | undefined {
  const address = addressOf(text.trim());
  return address === undefined ? undefined : formatAddress(address);
}
