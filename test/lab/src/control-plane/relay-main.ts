// SPDX-License-Identifier: Apache-2.0
/**
 * Stands for one more API server in front of the same data where the only real one keeps them in memory: takes connections on all
 * addresses of its host and passes them on, TLS and all. Cut off from the data it answers nobody, as an API server does
 * without etcd.
 *
 *   relay-main.ts PORT TARGET-ADDRESS TARGET-PORT
 */
import { connect, createServer, type Socket } from 'node:net';

const [port, address, targetPort] = process.argv.slice(2);
if (port === undefined || address === undefined || targetPort === undefined) {
  throw new Error('usage: relay-main.ts PORT TARGET-ADDRESS TARGET-PORT');
}

/** What happens to one end happens to the other. */
function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}

createServer((client) => {
  const server = connect(Number(targetPort), address);
  for (const socket of [client, server]) socket.setNoDelay(true);
  join(client, server);
  join(server, client);
}).listen(Number(port), '::');
