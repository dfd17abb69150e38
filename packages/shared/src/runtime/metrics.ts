// SPDX-License-Identifier: Apache-2.0
import { Gauge, Registry } from 'prom-client';

/** A registry of one program's metrics. Each program makes its own, so that tests never share counters. */
export type MetricsRegistry = Registry;

/** What `createRegistry` needs to say which program this is. */
export interface RegistryOptions {
  /** Program name, for example `agent`. */
  readonly program: string;
  readonly version: string;
}

/**
 * Registry with the few process figures that are worth their cost: resident memory, CPU time, start time and build.
 * prom-client's own default set also hooks the garbage collector and the event loop, which a small program pays for all
 * the time.
 */
export function createRegistry({ program, version }: RegistryOptions): MetricsRegistry {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({
    name: 'fairlead_build_info',
    help: 'Always 1; the labels say which program and version this is.',
    labelNames: ['program', 'version', 'node'],
    registers,
  }).set({ program, version, node: process.version }, 1);
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory in bytes.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time spent, in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.set((user + system) / 1e6);
    },
  });
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start of the process, in seconds since the Unix epoch.',
    registers,
  }).set(performance.timeOrigin / 1000);
  return registry;
}
