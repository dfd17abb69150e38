// SPDX-License-Identifier: Apache-2.0

import type { RaftCommand, RaftReport } from '../ownership/raft-driver/raft-port.ts';
import type { AddressCounters } from './address-keeper.ts';
import type { Grant } from './grant.ts';
import type { ResponderTiming } from './responder.ts';

/** What the main thread hands to a new worker. */
export interface WorkerSetup {
  /** One Int32: the main thread's beat counter, moved while it runs. */
  readonly beat: SharedArrayBuffer;
  /** Event descriptor that wakes the worker when a message waits for it. */
  readonly wakeFd: number;
  readonly timing: ResponderTiming;
}

/** From the main thread to the worker. `id` is returned in the acknowledgement. */
export type ToWorker =
  /** Answer for these as well. Acknowledged with the addresses that could not be served, and why. */
  | { readonly type: 'hold'; readonly id: number; readonly grants: readonly Grant[] }
  /** New deadlines for held ones; not acknowledged. */
  | { readonly type: 'deadlines'; readonly grants: readonly Grant[] }
  /** Be silent about these. Acknowledged when no further frame about them can leave. */
  | { readonly type: 'release'; readonly id: number; readonly addresses: readonly string[] }
  /** To the raft node, which lives in this thread. */
  | { readonly type: 'raft'; readonly command: RaftCommand }
  /** Be silent about everything, close the sockets and end. */
  | { readonly type: 'stop'; readonly id: number };

/** An address and what is wrong with it. */
export interface AddressProblem {
  readonly address: string;
  readonly problem: string;
  /** It was granted, but is not any more: not worth a word, as whoever asked is about to hear of it. */
  readonly isWithdrawn?: boolean;
}

/** Totals since the worker started, and those of each address held. */
export interface WorkerCounters {
  readonly framesSent: number;
  readonly framesFailed: number;
  readonly framesSuppressed: number;
  readonly probesAnswered: number;
  readonly foreignClaims: number;
  readonly letGo: number;
  readonly addresses: ReadonlyMap<string, AddressCounters>;
}

/** From the worker to the main thread. */
export type FromWorker =
  | { readonly type: 'done'; readonly id: number; readonly problems: readonly AddressProblem[] }
  | {
      readonly type: 'lost';
      readonly addresses: readonly string[];
      readonly reason: 'grantExpired' | 'mainStalled';
    }
  | {
      readonly type: 'claim';
      readonly address: string;
      readonly interface: string;
      readonly mac: string;
      readonly count: number;
    }
  | { readonly type: 'counters'; readonly counters: WorkerCounters }
  /** From the raft node. */
  | { readonly type: 'raft'; readonly report: RaftReport }
  /** Descriptors that are open in this thread, all of them: whoever ends the thread closes them. */
  | { readonly type: 'descriptors'; readonly fds: readonly number[] }
  /** Links came, went, or changed their carrier. */
  | { readonly type: 'linksChanged' }
  /** A link has a new problem, or none any more. */
  | { readonly type: 'link'; readonly interface: string; readonly problem?: string };
