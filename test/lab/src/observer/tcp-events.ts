// SPDX-License-Identifier: Apache-2.0

/** One connection attempt. All times are monotonic milliseconds. */
export interface TcpSample {
  readonly kind: 'sample';
  readonly startMs: number;
  readonly endMs: number;
  /** The whole answer came, with status 200. */
  readonly ok: boolean;
  /** Name the answer gave (`pod=NAME`). */
  readonly pod?: string;
  /** `timeout`, an errno name, or `status NNN`. */
  readonly error?: string;
}

/** Totals of the prober's last line. */
export interface TcpSummary {
  readonly sent: number;
  readonly failed: number;
  readonly perPod: Readonly<Record<string, number>>;
  /** Error -> count. */
  readonly errors: Readonly<Record<string, number>>;
  /** Longest time between two successes (their ends), 0 with fewer than two. */
  readonly longestGapMs: number;
}

/** One line of the TCP prober's output. */
export type TcpEvent =
  | TcpSample
  | { readonly kind: 'started'; readonly atMs: number; readonly target: string }
  | ({ readonly kind: 'summary'; readonly atMs: number } & TcpSummary);

/** Reads one line; throws when it is no event. */
export function parseTcpEvent(line: string): TcpEvent {
  const event: unknown = JSON.parse(line);
  if (typeof event !== 'object' || event === null || !('kind' in event)) {
    throw new Error(`expected a prober event, got ${line}`);
  }
  return event as TcpEvent; // written by tcp-main.ts only
}
