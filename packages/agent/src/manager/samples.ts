// SPDX-License-Identifier: Apache-2.0
import type { MetricsRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { Counter, Gauge } from 'prom-client';

/** Where a metric is registered. */
export type Registers = [MetricsRegistry] | MetricsRegistry[];

/** A gauge whose samples are all made anew with each scrape. */
export function sampled<L extends string>(
  options: { readonly name: string; readonly help: string; readonly labelNames: readonly L[] },
  registers: Registers,
  samples: () => Iterable<readonly [Partial<Record<L, string>>, number]>,
): void {
  new Gauge<L>({
    ...options,
    labelNames: [...options.labelNames],
    registers,
    collect() {
      this.reset();
      // Without labels it would be back at 0, which is a sample, too.
      if (options.labelNames.length === 0) this.remove();
      for (const [labels, value] of samples()) this.set(labels, value);
    },
  });
}

/** A number that only grows and is kept elsewhere. */
export function growing<L extends string>(
  options: { readonly name: string; readonly help: string; readonly labelNames?: readonly L[] },
  registers: Registers,
  samples: () => Iterable<readonly [Partial<Record<L, string>>, number]>,
): void {
  new Counter<L>({
    ...options,
    labelNames: [...(options.labelNames ?? [])],
    registers,
    collect() {
      this.reset();
      if ((options.labelNames ?? []).length === 0) this.remove();
      for (const [labels, value] of samples()) this.inc(labels, value);
    },
  });
}
