// SPDX-License-Identifier: Apache-2.0
/** The load generator of the case study: ab, from Debian's apache2-utils. Each request has a connection of its own. */

/** One run of it. */
export interface AbRun {
  readonly url: string;
  readonly requests: number;
  readonly concurrency: number;
}

/** What one run showed, of ab or of wrk. */
export interface AbResult {
  readonly requests: number;
  /** Without a good answer: not connected, reset, cut short, another status than 2xx, or never sent. */
  readonly failed: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/**
 * Its command line: `-r` goes on after an error, `-l` takes answers of any length, as pods name themselves. What it prints on the
 * way comes at once, because it goes to standard error. Pure.
 */
export function abCommand({ url, requests, concurrency }: AbRun): readonly string[] {
  const words = ['ab', '-r', '-l', '-n', String(requests), '-c', String(concurrency), url];
  return ['sh', '-c', 'exec "$@" 2>&1', 'sh', ...words];
}

/** The line that it prints half-way. It does so after each tenth. Pure. */
export function isHalfWay(line: string, requests: number): boolean {
  return line.trim() === `Completed ${Math.floor(requests / 10) * 5} requests`;
}

/** Reads what it prints. @throws Error when it is not what ab 2.3 prints at the end of a run */
export function parseAb(lines: readonly string[], { requests }: Pick<AbRun, 'requests'>): AbResult {
  const output = lines.join('\n');
  const number = (pattern: RegExp): number | undefined => {
    const text = pattern.exec(output)?.[1];
    return text === undefined ? undefined : Number(text);
  };
  const complete = number(/^Complete requests:\s+(\d+)$/m);
  const failed = number(/^Failed requests:\s+(\d+)$/m);
  const requestsPerSecond = number(/^Requests per second:\s+([\d.]+) /m);
  const p99Ms = number(/^\s+99%\s+(\d+)$/m);
  const worstMs = number(/^\s+100%\s+(\d+) \(longest request\)$/m);
  if (
    complete === undefined ||
    failed === undefined ||
    requestsPerSecond === undefined ||
    p99Ms === undefined ||
    worstMs === undefined
  )
    throw new Error(`ab printed something else than expected:\n${lines.slice(-30).join('\n')}`);
  const refused = number(/^Non-2xx responses:\s+(\d+)$/m) ?? 0;
  return { requests, failed: failed + refused + (requests - complete), requestsPerSecond, p99Ms, worstMs };
}
