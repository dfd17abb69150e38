// SPDX-License-Identifier: Apache-2.0
import type { MinorityPolicy } from '../../ownership/raft/node-api.ts';
import type { RaftTiming } from '../../ownership/raft/timing.ts';
import type { BalancerEntry } from './balancer-entry.ts';

/** One host of the group. */
export interface Peer {
  readonly name: string;
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
}

/** How the hosts agree on who has the address. */
export type StandaloneEngine =
  /** There is only this host. */
  | { readonly kind: 'single' }
  | {
      readonly kind: 'raft';
      readonly timing: RaftTiming;
      readonly minority: MinorityPolicy;
      /** Folder for term and vote; must be there still after a reboot. */
      readonly stateDir: string;
      /** File with the keys of the group; undefined: messages are signed with what everybody can read in the configuration. */
      readonly keyFile: string | undefined;
    }
  | {
      readonly kind: 'etcd';
      readonly endpoints: readonly string[];
      readonly tls: EtcdTls | undefined;
      /** Key of the owner in etcd. */
      readonly key: string;
      readonly ttlSeconds: number;
    };

/** PEM texts. */
export interface EtcdTls {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** The kinds of data planes that a file can ask for. */
export type StandalonePlane = 'userspace' | 'nftables' | 'ipvs';

/** Everything that `agent start` needs to know, checked. */
export interface StandaloneConfig {
  /** Name of this host among its peers. */
  readonly node: string;
  /** Canonical; none with `disableVIP`. They move together. */
  readonly vips: readonly string[];
  /** Link to answer on; of a comma list the first that there is; undefined: the one with the default route. */
  readonly interface: string | undefined;
  /** All hosts, this one included. */
  readonly peers: readonly Peer[];
  readonly engine: StandaloneEngine;
  readonly plane: StandalonePlane;
  readonly balancers: readonly BalancerEntry[];
  readonly addressOn: 'lo' | 'interface';
  readonly announceIntervalMs: number;
  /** Where metrics and probes are served; undefined: nowhere. */
  readonly statusServer: { readonly host: string; readonly port: number } | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** What was given and has no effect, or deserves a thought. */
  readonly warnings: readonly ConfigWarning[];
}

/** One sentence about one key. */
export interface ConfigWarning {
  readonly setting: string;
  readonly message: string;
}
