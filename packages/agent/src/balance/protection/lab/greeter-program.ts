// SPDX-License-Identifier: Apache-2.0
/** Lab program: a pod that greets each TCP connection with its name and who asked, says it again when asked, and leaves it to the client to end it. */
import { createServer } from 'node:net';

const [name = '', port = '8080'] = process.argv.slice(2);

createServer((socket) => {
  socket.on('error', () => undefined);
  const greeting = JSON.stringify({ name, from: (socket.remoteAddress ?? '').replace(/^::ffff:/, '') });
  socket.write(greeting);
  socket.on('data', () => socket.write(greeting));
}).listen(Number(port), '::', () => process.stdout.write('ready\n'));
