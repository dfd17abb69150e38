// SPDX-License-Identifier: Apache-2.0
import type { ProxyListener } from './listener.ts';
import type { ListenerProblem, ListenerStats } from './plane.ts';

/** From the main thread to the thread of the plane. `id` is returned in the acknowledgement. */
export type ToPlane =
  /** What differs from before: listeners that are new, changed, or to be tried again, and the ids of those that are to go. */
  | {
      readonly type: 'change';
      readonly id: number;
      readonly put: readonly ProxyListener[];
      readonly gone: readonly string[];
    }
  /** Accept nothing any more, let what runs go on for so long, and end. */
  | { readonly type: 'stop'; readonly id: number; readonly drainMs: number };

/** From the thread of the plane to the main thread. */
export type FromPlane =
  /** `problems`: those of `put` that cannot be listened on. */
  | { readonly type: 'done'; readonly id: number; readonly problems: readonly ListenerProblem[] }
  /** Every second, which also says that the thread is alive. */
  | { readonly type: 'stats'; readonly stats: ReadonlyMap<string, ListenerStats> };
