// SPDX-License-Identifier: Apache-2.0
/**
 * Lab program with TCP connections that stay. As `server NAME PORT` it answers each line with its name and the client's
 * address. As `client` it takes commands on standard input: `{"open": n, "to": address, "port": port}` opens so many
 * connections, `{}` none; either way a line goes over each open connection, and what came back is printed.
 */
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const ANSWER_LIMIT_MS = 5_000;

function serve(name: string, port: number): void {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    const from = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    createInterface({ input: socket })
      .on('line', () => socket.write(`${JSON.stringify({ name, from })}\n`))
      // It repeats the errors of its socket.
      .on('error', () => undefined);
  });
  server.listen(port, '::', () => process.stdout.write('ready\n'));
}

function talk(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    const settle = (answer: unknown) => {
      clearTimeout(timer);
      socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close');
      socket.on('error', () => undefined);
      resolve(answer);
    };
    const timer = setTimeout(() => settle({ error: 'TIMEOUT' }), ANSWER_LIMIT_MS);
    socket.on('data', (data) => settle({ ...JSON.parse(data.toString()), port: socket.localPort }));
    socket.on('error', (error: NodeJS.ErrnoException) => settle({ error: error.code }));
    socket.on('close', () => settle({ error: 'CLOSED' }));
    if (socket.destroyed) settle({ error: 'CLOSED' });
    else socket.write('hello\n');
  });
}

async function command(
  flows: Socket[],
  { open = 0, to, port }: { open?: number; to?: string; port?: number },
) {
  for (let count = 0; count < open; count++) {
    if (to === undefined || port === undefined) throw new Error('open needs an address and a port');
    flows.push(connect({ host: to, port, noDelay: true }));
  }
  return await Promise.all(flows.map(talk));
}

const [role, name = '', port = ''] = process.argv.slice(2);
if (role === 'server') {
  serve(name, Number(port));
} else {
  const flows: Socket[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await command(flows, JSON.parse(line)))}\n`);
  }
}
