// SPDX-License-Identifier: Apache-2.0
/**
 * TCP prober: one HTTP GET on a new connection each time, and what became of it, as JSON lines (see TcpEvent).
 *
 *   --target ADDRESS:PORT [--path /] [--timeout-ms 1000]
 *   [--tls]                            over TLS, whoever has signed the certificate
 *   [--cold INTERFACE]                 before each connection the kernel forgets whose MAC the address has there
 *   [--interval-ms 20]                 a new connection every so often, however the others fare
 *   [--count N --concurrency K]        instead: N connections, K at a time, as fast as they go
 *
 * Ends after N, at SIGTERM, or at the end of standard input; the last line is the summary.
 */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { parseArgs } from 'node:util';
import { monotonicMs } from '../journal.ts';
import { openNeighborCache } from './neighbor-cache.ts';
import type { TcpEvent, TcpSample } from './tcp-events.ts';
import { summarizeTcp } from './tcp-judge.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    path: { type: 'string', default: '/' },
    tls: { type: 'boolean', default: false },
    cold: { type: 'string' },
    'timeout-ms': { type: 'string', default: '1000' },
    'interval-ms': { type: 'string', default: '20' },
    count: { type: 'string' },
    concurrency: { type: 'string', default: '1' },
  },
});

function positive(name: 'timeout-ms' | 'interval-ms' | 'count' | 'concurrency'): number {
  const value = Number(values[name]);
  if (value >= 1) return value;
  throw new Error(`--${name} is "${values[name]}", expected a number of at least 1`);
}

const destination = /^\[?([^\]]+)\]?:(\d+)$/.exec(values.target ?? '');
if (destination === null)
  throw new Error(`--target is "${values.target}", expected ADDRESS:PORT or [ADDRESS]:PORT`);
const [, host = '', port = ''] = destination;
const timeoutMs = positive('timeout-ms');
const neighbors = values.cold === undefined ? undefined : openNeighborCache(values.cold);
const request = `GET ${values.path} HTTP/1.1\r\nHost: ${values.target}\r\nConnection: close\r\n\r\n`;
const samples: TcpSample[] = [];
const inFlight = new Set<Promise<void>>();
let stopping = false;

function write(event: TcpEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** One connection from SYN to the end of the answer; never rejects. */
function attempt(): Promise<TcpSample> {
  neighbors?.forget(host);
  const startMs = monotonicMs();
  const { promise, resolve } = Promise.withResolvers<TcpSample>();
  const place = { host, port: Number(port) };
  const socket = values.tls ? connectTls({ ...place, rejectUnauthorized: false }) : connect(place);
  let body = '';
  const finish = (error: string | undefined) => {
    clearTimeout(timer);
    socket.destroy();
    const pod = /\bpod=(\S+)/.exec(body)?.[1];
    resolve({
      kind: 'sample',
      startMs,
      endMs: monotonicMs(),
      ok: error === undefined,
      ...(error === undefined && pod !== undefined ? { pod } : {}),
      ...(error === undefined ? {} : { error }),
    });
  };
  const timer = setTimeout(() => finish('timeout'), timeoutMs);
  socket.setEncoding('utf8');
  socket.on(values.tls ? 'secureConnect' : 'connect', () => socket.write(request));
  socket.on('data', (chunk: string) => {
    body += chunk;
  });
  socket.on('error', (error) => finish('code' in error ? String(error.code) : error.message));
  socket.on('end', () => {
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(body)?.[1];
    finish(status === '200' ? undefined : `status ${status ?? 'missing'}`);
  });
  return promise;
}

function begin(): Promise<void> {
  const done = attempt().then((sample) => {
    samples.push(sample);
    write(sample);
    inFlight.delete(done);
  });
  inFlight.add(done);
  return done;
}

/** Open loop: starts on schedule even while earlier ones hang. */
async function probeEvery(intervalMs: number): Promise<void> {
  let nextMs = monotonicMs();
  while (!stopping) {
    void begin(); // never rejects; waited for through inFlight
    nextMs = Math.max(nextMs + intervalMs, monotonicMs());
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, nextMs - monotonicMs())));
  }
}

/** Closed loop: a fixed number of connections, a few at a time. */
async function probeTimes(count: number, concurrency: number): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left > 0 && !stopping) {
      left -= 1;
      await begin();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

const stop = () => {
  stopping = true;
};
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
process.stdin.on('end', stop).resume();

write({ kind: 'started', atMs: monotonicMs(), target: values.target ?? '' });
await (values.count === undefined
  ? probeEvery(positive('interval-ms'))
  : probeTimes(positive('count'), positive('concurrency')));
await Promise.all(inFlight);
write({ kind: 'summary', atMs: monotonicMs(), ...summarizeTcp(samples) });
neighbors?.close();
process.stdin.destroy();
