// SPDX-License-Identifier: Apache-2.0
/**
 * Neighbour observer: asks at a fixed interval who has an address (ARP for IPv4, neighbour solicitation for IPv6) and
 * writes down every frame on the switch that claims it. Runs on a host that owns none of the addresses.
 *
 *   --interface eth0 --station-mac M --station-ipv4 A --station-ipv6 A [--address A]... [--interval-ms 40]
 *
 * Standard input takes further commands, one a line: `add ADDRESS`, `remove ADDRESS`. Standard output is JSON lines
 * (see NeighborEvent); the last one, after SIGTERM or the end of the input, is the summary.
 */
import { createInterface } from 'node:readline';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Address, address } from '@fairlead/shared/address/address.ts';
import { monotonicMs } from '../journal.ts';
import { canonical, encodeProbe, PROBE_NUMBERS, parseClaim, stationOf } from './frames.ts';
import type { NeighborEvent } from './neighbor-events.ts';
import { openPacketSocket } from './packet-socket.ts';

/** Late answers still count after the last probe. */
const LINGER_MS = 60;
/** Longest wait for a frame: commands and signals are looked at in between. */
const WAIT_MS = 10;

const { values } = parseArgs({
  options: {
    interface: { type: 'string', default: 'eth0' },
    'station-mac': { type: 'string', default: '02:fa:1f:00:00:00' },
    'station-ipv4': { type: 'string', default: '172.18.0.101' },
    'station-ipv6': { type: 'string', default: 'fd00:18::65' },
    address: { type: 'string', multiple: true, default: [] },
    'interval-ms': { type: 'string', default: '40' },
  },
});

const intervalMs = Number(values['interval-ms']);
if (!(intervalMs >= 1))
  throw new Error(`--interval-ms is "${values['interval-ms']}", expected a number of at least 1`);
const station = stationOf({
  mac: values['station-mac'],
  ipv4: values['station-ipv4'],
  ipv6: values['station-ipv6'],
});
const targets = new Map<string, Address>();
const socket = openPacketSocket(values.interface);
/** When each probe number was last used. */
const sentAtMs = new Array<number>(PROBE_NUMBERS).fill(0);
let stopping = false;
let probes = 0;
let claims = 0;

function write(event: NeighborEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function add(text: string): void {
  const name = canonical(text);
  targets.set(name, address(name));
  write({ kind: 'watching', atMs: monotonicMs(), addresses: [...targets.keys()] });
}

function remove(text: string): void {
  targets.delete(canonical(text));
  write({ kind: 'watching', atMs: monotonicMs(), addresses: [...targets.keys()] });
}

function command(line: string): void {
  const [verb, text = ''] = line.trim().split(/\s+/);
  if (verb === 'add') add(text);
  else if (verb === 'remove') remove(text);
  else if (verb !== '') throw new Error(`command "${line}", expected: add ADDRESS | remove ADDRESS`);
}

function probe(): void {
  if (targets.size === 0) return;
  const number = probes % PROBE_NUMBERS;
  const atMs = monotonicMs();
  sentAtMs[number] = atMs;
  probes += 1;
  for (const target of targets.values()) socket.send(encodeProbe(target, station, number));
  write({ kind: 'probe', atMs });
}

function receive(waitMs: number): void {
  const frame = socket.receive(waitMs);
  const atMs = monotonicMs();
  const claim = frame === undefined ? undefined : parseClaim(frame, station);
  if (claim === undefined || !targets.has(claim.address)) return;
  const { probe: number, ...rest } = claim;
  claims += 1;
  write({ ...rest, atMs, ...(number === undefined ? {} : { probeMs: sentAtMs[number] ?? 0 }) });
}

for (const text of values.address) add(text);
const input = createInterface({ input: process.stdin });
input.on('line', command);
input.on('close', () => {
  stopping = true;
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    stopping = true;
  });
}
write({ kind: 'started', atMs: monotonicMs(), intervalMs, interface: values.interface });

let nextMs = monotonicMs();
while (!stopping) {
  if (monotonicMs() >= nextMs) {
    probe();
    // A stalled observer does not catch up with a burst; the gap stays visible in the times.
    nextMs = Math.max(nextMs + intervalMs, monotonicMs());
  }
  receive(Math.min(WAIT_MS, nextMs - monotonicMs()));
  await yieldToEvents();
}
const untilMs = monotonicMs() + LINGER_MS;
while (monotonicMs() < untilMs) receive(WAIT_MS);
write({ kind: 'summary', atMs: monotonicMs(), probes, claims });
input.close();
socket.close();
process.stdin.destroy();
