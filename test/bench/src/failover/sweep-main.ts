// SPDX-License-Identifier: Apache-2.0
/**
 * Asks for many addresses by ARP, each again and again until it is answered, and writes one JSON line for each answer:
 * `{"address", "mac", "atMs"}`. Standard input takes `except MAC`: from now on only answers from other hosts count, and all
 * addresses are asked for anew.
 *
 *   --interface eth0 --station-mac M --station-ipv4 A --station-ipv6 A --addresses FILE [--interval-ms 100]
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Address, address } from '@fairlead/shared/address/address.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { canonical, encodeProbe, parseClaim, stationOf } from '@fairlead/test-lab/observer/frames.ts';
import { openPacketSocket } from '@fairlead/test-lab/observer/packet-socket.ts';

/** Frames sent before the answers are looked at. */
const BATCH = 50;
const WAIT_MS = 5;

const { values } = parseArgs({
  options: {
    interface: { type: 'string', default: 'eth0' },
    'station-mac': { type: 'string', default: '' },
    'station-ipv4': { type: 'string', default: '' },
    'station-ipv6': { type: 'string', default: '' },
    addresses: { type: 'string', default: '' },
    'interval-ms': { type: 'string', default: '100' },
  },
});
const intervalMs = Number(values['interval-ms']);
const station = stationOf({
  mac: values['station-mac'],
  ipv4: values['station-ipv4'],
  ipv6: values['station-ipv6'],
});
const all = readFileSync(values.addresses, 'utf8').split('\n').filter(Boolean).map(canonical);
const socket = openPacketSocket(values.interface);
let open = new Map<string, Address>(all.map((text) => [text, address(text)]));
let except: string | undefined;
let isStopping = false;

const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  const [verb, mac] = line.split(' ');
  if (verb !== 'except' || mac === undefined) throw new Error(`command "${line}", expected: except MAC`);
  except = mac;
  open = new Map(all.map((text) => [text, address(text)]));
});
const stop = () => {
  isStopping = true;
};
input.on('close', stop);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);

/** Reads what has come, and waits for more until the time is up. */
async function listen(untilMs: number): Promise<void> {
  do {
    for (let frame = socket.receive(1); frame !== undefined; frame = socket.receive(1)) note(frame);
    await yieldToEvents();
  } while (monotonicMs() < untilMs && !isStopping);
}

function note(frame: Buffer): void {
  const claim = parseClaim(frame, station);
  if (claim?.kind !== 'answer' || claim.mac === except || !open.delete(claim.address)) return;
  process.stdout.write(
    `${JSON.stringify({ address: claim.address, mac: claim.mac, atMs: monotonicMs() })}\n`,
  );
}

process.stdout.write('{"started":true}\n');
for (let round = 0; !isStopping; round += 1) {
  const nextMs = monotonicMs() + intervalMs;
  for (const [index, target] of [...open.values()].entries()) {
    socket.send(encodeProbe(target, station, round % 2));
    if (index % BATCH === BATCH - 1) await listen(0);
  }
  await listen(Math.max(nextMs, monotonicMs() + WAIT_MS));
}
socket.close();
process.stdin.destroy();
