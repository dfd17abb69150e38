// SPDX-License-Identifier: Apache-2.0
import type { ClaimKind } from './frames.ts';

/** A frame that said "this address has this MAC". */
export interface NeighborClaim {
  readonly kind: ClaimKind;
  /** Monotonic: when the frame was read. */
  readonly atMs: number;
  /** Canonical text. */
  readonly address: string;
  readonly mac: string;
  /** MAC the frame itself came from, when it is another one. */
  readonly sentBy?: string;
  /** `answer`: when the question it answers was sent. */
  readonly probeMs?: number;
}

/** One line of the neighbour observer's output. All times are monotonic milliseconds. */
export type NeighborEvent =
  | NeighborClaim
  | {
      readonly kind: 'started';
      readonly atMs: number;
      readonly intervalMs: number;
      readonly interface: string;
    }
  /** What is asked for from now on. */
  | { readonly kind: 'watching'; readonly atMs: number; readonly addresses: readonly string[] }
  /** One question for each watched address. */
  | { readonly kind: 'probe'; readonly atMs: number }
  | { readonly kind: 'summary'; readonly atMs: number; readonly probes: number; readonly claims: number };

/** Reads one line; throws when it is no event. */
export function parseNeighborEvent(line: string): NeighborEvent {
  const event: unknown = JSON.parse(line);
  if (typeof event !== 'object' || event === null || !('kind' in event) || !('atMs' in event)) {
    throw new Error(`expected an observer event, got ${line}`);
  }
  return event as NeighborEvent; // written by neighbor-main.ts only
}
