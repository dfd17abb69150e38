// SPDX-License-Identifier: Apache-2.0
/** Stands in for the container of socat: `node socat.ts PORT TCP-LISTEN:80,fork,reuseaddr TCP:HOST:PORT`. */
import { connect, createServer } from 'node:net';

const [port = '', listen = '', to = ''] = process.argv.slice(2);
const target = /^TCP:([^:]+):(\d+)$/.exec(to);
if (!/^TCP-LISTEN:80,fork,reuseaddr$/.test(listen) || target === null) {
  throw new Error(`socat stand-in: received "${listen} ${to}", expected TCP-LISTEN:80,... TCP:HOST:PORT`);
}
const [, host = '', targetPort = ''] = target;
createServer((client) => {
  const server = connect(Number(targetPort), host);
  client.pipe(server).pipe(client);
  client.on('error', () => server.destroy());
  server.on('error', () => client.destroy());
}).listen(Number(port));
