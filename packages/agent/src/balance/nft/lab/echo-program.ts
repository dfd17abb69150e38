// SPDX-License-Identifier: Apache-2.0
/** Lab program: a pod that answers every TCP connection and every datagram with its name and who asked. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [name = '', port = '8080'] = process.argv.slice(2);
const answer = (from: string | undefined) =>
  JSON.stringify({ name, from: (from ?? '').replace(/^::ffff:/, '') });

const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.end(answer(socket.remoteAddress));
});
const udp = createSocket({ type: 'udp6' });
udp.on('message', (_message, from) => udp.send(answer(from.address), from.port, from.address));
udp.bind(Number(port), '::', () => {
  server.listen(Number(port), '::', () => process.stdout.write('ready\n'));
});
