// SPDX-License-Identifier: Apache-2.0
import type { ProxyListener } from './listener.ts';
import type { ListenerProblem, ListenerStats } from './plane.ts';

/** From the main thread to the thread of the plane. `id` is returned in the acknowledgement. */
export type ToPlane =
  /** The whole desired state. */
  | { readonly type: 'apply'; readonly id: number; readonly listeners: readonly ProxyListener[] }
  /** Accept nothing any more, let what runs go on for so long, and end. */
  | { readonly type: 'stop'; readonly id: number; readonly drainMs: number };

/** From the thread of the plane to the main thread. */
export type FromPlane =
  | { readonly type: 'done'; readonly id: number; readonly problems: readonly ListenerProblem[] }
  /** Every second. */
  | { readonly type: 'stats'; readonly stats: ReadonlyMap<string, ListenerStats> };
