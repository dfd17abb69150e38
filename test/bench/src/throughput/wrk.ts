// SPDX-License-Identifier: Apache-2.0
/** The load generator: wrk, from Debian. */

/** One run of it. */
export interface WrkRun {
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  /** `perConnection`: each request has a connection of its own. */
  readonly mode: LoadMode;
}

/** How requests use connections. */
export type LoadMode = 'keepAlive' | 'perConnection';

/** Both, in the order in which they are measured. */
export const LOAD_MODES: readonly LoadMode[] = ['keepAlive', 'perConnection'];

/** What one run showed. */
export interface WrkResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** Requests without a good answer, and connections that could not be opened. */
  readonly failures: number;
}

/** Its command line. Pure. */
export function wrkCommand({ url, seconds, connections, mode }: WrkRun): readonly string[] {
  const header = mode === 'perConnection' ? ['-H', 'Connection: close'] : [];
  return ['wrk', '-t2', `-c${connections}`, `-d${seconds}s`, '--latency', ...header, url];
}

/** Reads what it prints. @throws Error when it is not what wrk 4 prints */
export function parseWrk(output: string): WrkResult {
  const number = (pattern: RegExp): number | undefined => {
    const text = pattern.exec(output)?.[1];
    return text === undefined ? undefined : Number(text);
  };
  const requests = number(/(\d+) requests in /);
  const requestsPerSecond = number(/Requests\/sec:\s+([\d.]+)/);
  const p50Ms = latencyMs(output, '50%');
  const p99Ms = latencyMs(output, '99%');
  const worstMs = milliseconds(/^\s+Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s|m)\s/m.exec(output));
  if (
    requests === undefined ||
    requestsPerSecond === undefined ||
    p50Ms === undefined ||
    p99Ms === undefined ||
    worstMs === undefined
  )
    throw new Error(`wrk printed something else than expected:\n${output}`);
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
  const failures = (socketErrors?.slice(1) ?? []).reduce((sum, count) => sum + Number(count), 0);
  return {
    requests,
    requestsPerSecond,
    p50Ms,
    p99Ms,
    worstMs,
    failures: failures + (number(/Non-2xx or 3xx responses: (\d+)/) ?? 0),
  };
}

const UNITS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

function latencyMs(output: string, share: string): number | undefined {
  return milliseconds(new RegExp(`^\\s+${share}\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(output));
}

function milliseconds(found: RegExpExecArray | null): number | undefined {
  const [, value, unit] = found ?? [];
  const factor = UNITS_MS[unit ?? ''];
  return value === undefined || factor === undefined ? undefined : Number(value) * factor;
}
