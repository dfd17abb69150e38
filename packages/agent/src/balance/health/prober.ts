// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { HealthTarget, ProbeOutcome } from './health-check.ts';
import { createHttpProbe } from './http-probe.ts';
import { ProbePorts } from './probe-ports.ts';
import type { SendProbe } from './target-watch.ts';
import { probeTcp } from './tcp-probe.ts';

/** A time limit that is noticed so much later than it ended says that this process was kept from working, not the target. */
const LATE_MS = 100;

/** Makes what sends probes over the network. */
export function createProber(clock: Clock, random: () => number = Math.random): SendProbe {
  const probeHttp = createHttpProbe();
  const ports = new ProbePorts(random);
  return async (target, signal) => {
    const { probe, timeoutMs } = target.check;
    const limit = timeLimit(clock, timeoutMs, signal);
    const place = { host: target.address, port: target.port };
    try {
      return await ports.connect((localPort) =>
        probe.kind === 'tcp'
          ? probeTcp({ ...place, localPort }, limit.signal)
          : probeHttp({ ...place, localPort }, probe, limit.signal),
      );
    } catch (error) {
      if (limit.hasPassed()) return limit.wasLate() ? 'inconclusive' : noAnswer(target);
      return { ok: false, detail: describe(error) };
    } finally {
      limit.end();
    }
  };
}

function noAnswer({ check }: HealthTarget): ProbeOutcome {
  return { ok: false, detail: `no answer within ${check.timeoutMs} ms` };
}

/** Ends with the outer signal, or after a time. */
function timeLimit(clock: Clock, limitMs: number, outer: AbortSignal) {
  const inner = new AbortController();
  let lateMs: number | undefined;
  const end = () => inner.abort();
  outer.addEventListener('abort', end, { once: true });
  const dueMs = clock.monotonicMs() + limitMs;
  const timer = clock.setTimer(() => {
    lateMs = clock.monotonicMs() - dueMs;
    // Timers come first in a turn of the event loop. What arrived meanwhile is still to be read, and counts.
    setImmediate(end);
  }, limitMs);
  return {
    signal: inner.signal,
    hasPassed: () => lateMs !== undefined,
    wasLate: () => lateMs !== undefined && lateMs > LATE_MS,
    end: () => {
      timer.cancel();
      outer.removeEventListener('abort', end);
    },
  };
}

const KNOWN_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
};

/** For people, without the address: who reads it knows the target. */
function describe(error: unknown): string {
  const { code, message } = error as Partial<NodeJS.ErrnoException>;
  return KNOWN_FAILURES[code ?? ''] ?? message ?? String(error);
}
