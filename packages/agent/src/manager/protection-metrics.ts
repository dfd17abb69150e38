// SPDX-License-Identifier: Apache-2.0
import type { Protector, Verdict } from '../balance/protection/protector.ts';
import { growing, type Registers } from './samples.ts';

/** What is read when Prometheus asks. */
export type ProtectionSource = Pick<Protector, 'counts'>;

/** What was kept from protected addresses, how often the SYN proxy answered, and what was let in unasked. */
export function observeProtection(protection: ProtectionSource, registers: Registers): void {
  const counts = oncePerScrape(() => protection.counts());
  growing(
    {
      name: 'fairlead_protection_dropped_packets_total',
      help: 'Packets dropped before they reached an endpoint, by Service (empty: port of no Service) and reason.',
      labelNames: ['service', 'reason'],
    },
    registers,
    () =>
      counts()
        .filter(({ verdict }) => verdict !== 'syn-proxied' && verdict !== 'allowed')
        .map(({ service, verdict, packets }) => [{ service, reason: verdict }, packets] as const),
  );
  const countOf = (verdict: Verdict) => () =>
    counts()
      .filter((count) => count.verdict === verdict)
      .map(({ service, packets }) => [{ service }, packets] as const);
  growing(
    {
      name: 'fairlead_protection_proxied_packets_total',
      help: 'First packets of TCP connections that the SYN proxy answered.',
      labelNames: ['service'],
    },
    registers,
    countOf('syn-proxied'),
  );
  growing(
    {
      name: 'fairlead_protection_allowed_packets_total',
      help: 'Packets of sources that the Service allows, which no limit, block or SYN proxy looked at.',
      labelNames: ['service'],
    },
    registers,
    countOf('allowed'),
  );
}

/** All metrics of one scrape are read in one go, and the kernel is asked once for all of them. */
function oncePerScrape<T>(read: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => {
    if (known === undefined) {
      known = { value: read() };
      queueMicrotask(() => {
        known = undefined;
      });
    }
    return known.value;
  };
}
