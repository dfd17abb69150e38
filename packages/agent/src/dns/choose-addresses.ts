// SPDX-License-Identifier: Apache-2.0
import { addressOf, compareAddresses, formatAddress } from '@fairlead/shared/address/address.ts';

/** kube-vip's `dns_mode`: which of the addresses of a name a Service gets. `dual`: one of each family. */
export type DnsMode = 'first' | 'ipv4' | 'ipv6' | 'dual';

/** What a name stands for: canonical text, per family. */
export interface NameAnswer {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/**
 * The addresses of a name that a Service gets. Every node must come to the same, whatever the order of the answer: so an
 * address that the Service's status already names comes before others, and then the lowest. `first` is one address, of
 * IPv4 if there is any; the status counts here as well. Pure.
 *
 * @param named addresses in the status, canonical
 */
export function chooseAddresses(
  { ipv4, ipv6 }: NameAnswer,
  mode: DnsMode,
  named: ReadonlySet<string>,
): readonly string[] {
  const four = best(ipv4, named);
  const six = best(ipv6, named);
  switch (mode) {
    case 'ipv4':
      return four;
    case 'ipv6':
      return six;
    case 'dual':
      return [...four, ...six];
    case 'first': {
      const both = [...four, ...six];
      return [both.find((address) => named.has(address)) ?? both[0] ?? []].flat();
    }
  }
}

/** The families of which an answer matters; one of them is enough for `first`. Pure. */
export function familiesOf(mode: DnsMode): readonly (keyof NameAnswer)[] {
  if (mode === 'ipv4' || mode === 'ipv6') return [mode];
  return ['ipv4', 'ipv6'];
}

function best(addresses: readonly string[], named: ReadonlySet<string>): readonly string[] {
  const sorted = addresses.flatMap((text) => addressOf(text) ?? []).sort(compareAddresses);
  const texts = sorted.map(formatAddress);
  const chosen = texts.find((text) => named.has(text)) ?? texts[0];
  return chosen === undefined ? [] : [chosen];
}
