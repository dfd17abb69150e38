// SPDX-License-Identifier: Apache-2.0

/** What a client is told. */
export interface ClientOrder {
  /**
   * `once`: connections that end after one line; `open`: such that stay; `again`: a line over each that stayed; `close`: ends them;
   * `datagrams`: each from a port of its own; `flow`: one more from the same port.
   */
  readonly do: 'once' | 'open' | 'again' | 'close' | 'datagrams' | 'flow';
  readonly to?: string;
  readonly port?: number;
  readonly count?: number;
  /** Own address. */
  readonly from?: string;
}

/** What came back. */
export interface ClientAnswer {
  /** Of the server. */
  readonly name?: string;
  /** Whom the server saw. */
  readonly from?: string;
  /** Address that the server was asked at. */
  readonly at?: string;
  readonly error?: string;
}

/** Name of the server -> its answers. Errors count under their code. Pure. */
export function tally(answers: readonly ClientAnswer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name, error } of answers) {
    const key = name ?? error ?? 'nothing';
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
