// SPDX-License-Identifier: Apache-2.0
/**
 * Program of the benchmark: keeps so many connections busy with requests, each sent as soon as the last one is answered,
 * until SIGTERM; then prints `{"offered": N, "seconds": S}`, requests and attempts to connect together. A connection that
 * ends or gets no answer is begun anew.
 *
 *   --target ADDRESS:PORT,ADDRESS:PORT --connections N
 */
import { connect } from 'node:net';
import { parseArgs } from 'node:util';

const PATIENCE_MS = 1_000;
/** So that a refused connection is not begun anew in an endless loop of the processor. */
const PAUSE_MS = 1;

const { values } = parseArgs({
  options: { target: { type: 'string', default: '' }, connections: { type: 'string', default: '1' } },
});
const targets = values.target.split(',').map((text) => {
  const [host = '', port = ''] = text.split(':');
  return { host, port: Number(port) };
});

let offered = 0;
let isOver = false;

function flood(index: number): void {
  if (isOver) return;
  const place = targets[index % targets.length] ?? { host: '', port: 0 };
  offered += 1;
  const socket = connect({ ...place, timeout: PATIENCE_MS, noDelay: true });
  const ask = () => {
    offered += 1;
    socket.write(`GET / HTTP/1.1\r\nHost: ${place.host}\r\n\r\n`);
  };
  socket.on('connect', ask);
  // Answers are short and come in one piece.
  socket.on('data', ask);
  socket.on('timeout', () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('close', () => setTimeout(() => flood(index), PAUSE_MS));
}

const startMs = performance.now();
for (let index = 0; index < Number(values.connections); index += 1) flood(index);
process.stdout.write('ready\n');

process.once('SIGTERM', () => {
  isOver = true;
  const seconds = (performance.now() - startMs) / 1000;
  process.stdout.write(`${JSON.stringify({ offered, seconds })}\n`, () => process.exit(0));
});
