// SPDX-License-Identifier: Apache-2.0
/** Stands for many pods: answers each datagram with the address it came to. `endpoints-main.ts PORT ADDRESS...` */
import { createSocket } from 'node:dgram';

const [port = '', ...addresses] = process.argv.slice(2);
await Promise.all(
  addresses.map((address) => {
    const socket = createSocket('udp4');
    socket.on('message', (message, from) => socket.send(`${address} ${message}`, from.port, from.address));
    return new Promise<void>((resolve) => socket.bind(Number(port), address, resolve));
  }),
);
process.stdout.write('ready\n');
