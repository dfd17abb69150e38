// SPDX-License-Identifier: Apache-2.0
import type { ProxyListener } from './listener.ts';
import type { ListenerStats } from './plane.ts';

/** One listener at work: the shell of each mode. */
export interface ProxyListening {
  /** Resolves when it listens. @throws when it cannot, for instance because somebody else has the port */
  start(): Promise<void>;
  /** New targets and options; the place stays. */
  update(listener: ProxyListener): void;
  stats(): ListenerStats;
  /** Accepts nothing any more; resolves when nothing runs any more, or when that has been ended, after `drainMs`. */
  stop(drainMs: number): Promise<void>;
}
