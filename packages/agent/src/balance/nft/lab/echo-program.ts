// SPDX-License-Identifier: Apache-2.0
/**
 * Lab program: a pod that answers every TCP connection and every datagram with its name and who asked. On the port above it keeps
 * connections, and answers each line that comes.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const [name = '', port = '8080'] = process.argv.slice(2);
const answer = (from: string | undefined) =>
  JSON.stringify({ name, from: (from ?? '').replace(/^::ffff:/, '') });

const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.end(answer(socket.remoteAddress));
});
const keeping = createServer((socket) => {
  socket.on('error', () => undefined);
  createInterface({ input: socket })
    .on('line', () => socket.write(`${answer(socket.remoteAddress)}\n`))
    .on('error', () => undefined);
});
const udp = createSocket({ type: 'udp6' });
udp.on('message', (_message, from) => udp.send(answer(from.address), from.port, from.address));
udp.bind(Number(port), '::', () => {
  server.listen(Number(port), '::', () => {
    keeping.listen(Number(port) + 1, '::', () => process.stdout.write('ready\n'));
  });
});
