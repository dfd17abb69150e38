// SPDX-License-Identifier: Apache-2.0
import type { HealthCheck } from '../../balance/health/health-check.ts';
import type { Forwarding, Scheduler } from '../../balance/model/frontend.ts';
import type { KernelScheduler } from '../../balance/model/kernel-schedulers.ts';
import type { ProxyMode, ProxyOptions } from '../../balance/user-space/listener.ts';

/** One place that connections of a {@link BalancerEntry} are sent to. */
export interface EntryBackend {
  /** Canonical text of an address, or a name. */
  readonly host: string;
  /** Is `host` an address? Only the user-space plane resolves names. */
  readonly isAddress: boolean;
  readonly port: number;
  readonly weight: number;
  /** Only with the mode `http`. */
  readonly http?: { readonly scheme: 'http' | 'https'; readonly basePath: string };
}

/** One entry of `loadBalancers`, checked: what every data plane makes its own form of. */
export interface BalancerEntry {
  /** Unique. */
  readonly name: string;
  readonly mode: ProxyMode;
  readonly port: number;
  /** Where it listens; undefined: on every address of every host (`bindToVip: false`). */
  readonly addresses: readonly string[] | undefined;
  readonly backends: readonly EntryBackend[];
  readonly scheduler: Scheduler;
  /** What IPVS does instead, where the file names one of its schedulers. */
  readonly kernelScheduler?: KernelScheduler;
  readonly affinitySeconds: number | undefined;
  readonly forwarding: Forwarding;
  /** Undefined: back ends are only judged by the connections that they take or refuse. */
  readonly healthCheck: HealthCheck | undefined;
  readonly options: ProxyOptions;
}
