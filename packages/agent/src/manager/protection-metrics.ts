// SPDX-License-Identifier: Apache-2.0
import type { Protector, VerdictCount } from '../balance/protection/protector.ts';
import { growing, type Registers } from './samples.ts';

/** What is read when Prometheus asks. */
export type ProtectionSource = Pick<Protector, 'counts'>;

/** What was kept from protected addresses, and how often the SYN proxy answered. */
export function observeProtection(protection: ProtectionSource, registers: Registers): void {
  const isDropped = ({ verdict }: VerdictCount) => verdict !== 'syn-proxied';
  growing(
    {
      name: 'fairlead_protection_dropped_packets_total',
      help: 'Packets dropped before they reached an endpoint, by Service (empty: port of no Service) and reason.',
      labelNames: ['service', 'reason'],
    },
    registers,
    () =>
      protection
        .counts()
        .filter(isDropped)
        .map(({ service, verdict, packets }) => [{ service, reason: verdict }, packets] as const),
  );
  growing(
    {
      name: 'fairlead_protection_proxied_packets_total',
      help: 'First packets of TCP connections that the SYN proxy answered.',
      labelNames: ['service'],
    },
    registers,
    () =>
      protection
        .counts()
        .filter((count) => !isDropped(count))
        .map(({ service, packets }) => [{ service }, packets] as const),
  );
}
