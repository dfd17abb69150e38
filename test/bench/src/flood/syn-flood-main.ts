// SPDX-License-Identifier: Apache-2.0
/**
 * Program of the benchmark: sends first packets of TCP connections from invented addresses, at a fixed rate, until
 * SIGTERM; then prints `{"offered": N, "seconds": S}`.
 *
 *   --mac MAC --target ADDRESS --port N --rate PACKETS_PER_SECOND --seed N
 */
import { parseArgs } from 'node:util';
import { encodeTcpSegment, TCP_FLAG } from '@fairlead/agent/balance/protection/lab/tcp-segment.ts';
import { SystemCallError } from '@fairlead/agent/system/libc.ts';
import { PacketSocket } from '@fairlead/agent/system/packet-socket.ts';
import { seededRandom } from '@fairlead/test-apiserver/faults/rules.ts';
import { HOST_INTERFACE } from '@fairlead/test-lab/network/plan.ts';

/** Made ahead: sending is to cost as little as possible. Hardly any comes twice within a run. */
const FRAMES = 200_000;
const TICK_MS = 2;
/**
 * What a late tick missed is made up for at so many times the pace: all at once would be more than the queue of a processor of this
 * machine takes (`netdev_max_backlog`, 1,000 packets of everybody), which then drops the client's packets, too, wherever they go.
 */
const MOST_PACE = 4;

const { values } = parseArgs({
  options: {
    mac: { type: 'string', default: '' },
    target: { type: 'string', default: '' },
    port: { type: 'string', default: '80' },
    rate: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
  },
});
const rate = Number(values.rate);
const random = seededRandom(Number(values.seed));
const below = (limit: number) => Math.floor(random() * limit);

const socket = PacketSocket.open(HOST_INTERFACE, 0);
const frames = Array.from({ length: FRAMES }, (_, index) =>
  encodeTcpSegment({
    sourceMac: socket.mac(),
    destinationMac: values.mac,
    // 198.18.0.0/15 is set aside for benchmarks (RFC 2544).
    source: `198.${18 + below(2)}.${below(256)}.${1 + below(254)}`,
    destination: values.target,
    sourcePort: 1_024 + below(64_000),
    destinationPort: Number(values.port),
    flags: TCP_FLAG.syn,
    sequence: index,
  }),
);
process.stdout.write('ready\n');

const startMs = performance.now();
let offered = 0;
const timer = setInterval(() => {
  const missing = ((performance.now() - startMs) / 1000) * rate - offered;
  const due = Math.min(missing, (MOST_PACE * rate * TICK_MS) / 1000);
  for (let count = 0; count < due && send(frames[offered % FRAMES]); count += 1) offered += 1;
}, TICK_MS);

/** Whether the link took it; a full queue is emptied before the next tick. */
function send(frame: Buffer | undefined): boolean {
  try {
    if (frame !== undefined) socket.send(frame);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && ['ENOBUFS', 'EAGAIN'].includes(error.code)) return false;
    throw error;
  }
}

process.once('SIGTERM', () => {
  clearInterval(timer);
  const seconds = (performance.now() - startMs) / 1000;
  socket.close();
  process.stdout.write(`${JSON.stringify({ offered, seconds })}\n`);
});
