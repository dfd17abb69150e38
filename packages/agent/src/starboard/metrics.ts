// SPDX-License-Identifier: Apache-2.0
import { familyName } from '@fairlead/shared/address/address.ts';
import { createRegistry, type MetricsRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { Counter, Gauge } from 'prom-client';
import type { StarboardStats } from './starboard.ts';

/** Metrics of `agent starboard`, documented in docs/starboard.md. */
export function starboardMetrics(version: string, stats: () => StarboardStats): MetricsRegistry {
  const registry = createRegistry({ program: 'starboard', version });
  const registers = [registry];
  new Gauge({
    name: 'fairlead_starboard_rules',
    help: 'Accept rules in place.',
    labelNames: ['family'],
    registers,
    collect() {
      for (const [family, count] of stats().rules) this.set({ family: familyName(family) }, count);
    },
  });
  const counters = [
    ['fairlead_starboard_repairs_total', 'Times that rules were not as they should be.', 'repairs'],
    ['fairlead_starboard_failures_total', 'Times that rules could not be read or written.', 'failures'],
  ] as const;
  for (const [name, help, key] of counters) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(stats()[key]);
      },
    });
  }
  return registry;
}
