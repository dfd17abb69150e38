// SPDX-License-Identifier: Apache-2.0
/**
 * Program of the IPVS tests: `server NAME PORT…` answers every line of a TCP connection, which it keeps, and every datagram with its
 * name, who asked, and at which address. `client` obeys commands on standard input.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { ClientOrder } from './clients.ts';

const WAIT_MS = 3_000;

function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}

async function serve(name: string, port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    const answer = { name, from: plain(socket.remoteAddress), at: plain(socket.localAddress) };
    createInterface({ input: socket })
      .on('line', () => socket.write(`${JSON.stringify(answer)}\n`))
      .on('error', () => undefined);
  });
  const udp = createSocket('udp6');
  udp.on('message', (_text, from) => {
    udp.send(JSON.stringify({ name, from: plain(from.address) }), from.port, from.address);
  });
  await Promise.all([
    new Promise<void>((resolve) => server.listen(port, '::', resolve)),
    new Promise<void>((resolve) => udp.bind(port, '::', resolve)),
  ]);
}

/** One line there and back over each connection. */
function talk(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    const settle = (answer: unknown) => {
      clearTimeout(timer);
      for (const event of ['data', 'error', 'close']) socket.removeAllListeners(event);
      socket.on('error', () => undefined);
      resolve(answer);
    };
    const timer = setTimeout(() => settle({ error: 'TIMEOUT' }), WAIT_MS);
    socket.on('data', (data) => settle(JSON.parse(data.toString())));
    socket.on('error', (error: NodeJS.ErrnoException) => settle({ error: error.code }));
    socket.on('close', () => settle({ error: 'CLOSED' }));
    if (socket.destroyed) settle({ error: 'CLOSED' });
    else socket.write('hello\n');
  });
}

function send(socket: Datagrams, host: string, port: number): Promise<unknown> {
  return new Promise((resolve) => {
    const settle = (answer: unknown) => {
      clearTimeout(timer);
      socket.removeAllListeners('message').removeAllListeners('error');
      resolve(answer);
    };
    const timer = setTimeout(() => settle({ error: 'TIMEOUT' }), WAIT_MS);
    socket.on('message', (message) => settle(JSON.parse(message.toString())));
    socket.on('error', (error: NodeJS.ErrnoException) => settle({ error: error.code }));
    socket.send('hello', port, host);
  });
}

const kept: Socket[] = [];
let flow: Datagrams | undefined;

async function obey(order: ClientOrder): Promise<readonly unknown[]> {
  const { to = '', port = 0, count = 1, from } = order;
  const answers: unknown[] = [];
  switch (order.do) {
    case 'once':
    case 'open':
      // One after the other: their order is that of the scheduler.
      for (let index = 0; index < count; index++) {
        const socket = connect({ host: to, port, noDelay: true, ...(from && { localAddress: from }) });
        answers.push(await talk(socket));
        if (order.do === 'open') kept.push(socket);
        else socket.destroy();
      }
      return answers;
    case 'again':
      return await Promise.all(kept.map(talk));
    case 'close':
      for (const socket of kept.splice(0)) socket.destroy();
      return [];
    case 'datagrams':
      for (let index = 0; index < count; index++) {
        const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4');
        answers.push(await send(socket, to, port));
        socket.close();
      }
      return answers;
    case 'flow':
      flow ??= createSocket(to.includes(':') ? 'udp6' : 'udp4');
      return [await send(flow, to, port)];
  }
}

const [role, name = '', ...ports] = process.argv.slice(2);
if (role === 'server') {
  await Promise.all(ports.map((port) => serve(name, Number(port))));
  process.stdout.write('ready\n');
} else {
  process.stdout.write('ready\n');
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line) as ClientOrder))}\n`);
  }
}
