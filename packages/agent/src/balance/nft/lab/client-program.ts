// SPDX-License-Identifier: Apache-2.0
/** Lab program: opens connections one after the other as told on standard input, and prints what came back. */
import { createSocket, type Socket } from 'node:dgram';
import { connect, type Socket as TcpSocket } from 'node:net';
import { createInterface } from 'node:readline';

/** What it is told. */
export interface Command {
  /** Address and port of each connection, in this order, and the own address it is to come from. */
  readonly to: readonly (readonly [host: string, port: number, from?: string])[];
  /** Length of a datagram at least. */
  readonly bytes?: number;
  /** `udpFlow`: all datagrams from one socket; `tcpFlow`: a line over a connection that is kept until `endFlow` or an error. */
  readonly over: 'tcp' | 'udp' | 'sctp' | 'udpFlow' | 'tcpFlow' | 'endFlow';
}

let flow: Socket | undefined;
let connection: TcpSocket | undefined;

function overTcp(host: string, port: number, from?: string): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000, ...(from && { localAddress: from }) });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('timeout', () => socket.destroy(Object.assign(new Error('silence'), { code: 'TIMEOUT' })));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code }));
    socket.on('end', () => resolve(JSON.parse(text)));
  });
}

function overConnection(host: string, port: number): Promise<unknown> {
  const socket = connection ?? connect({ host, port });
  connection = socket;
  return new Promise((resolve) => {
    const listeners = {
      data: (chunk: Buffer) => finish(JSON.parse(chunk.toString())),
      error: (error: NodeJS.ErrnoException) => fail(error.code ?? error.message),
      end: () => fail('END'),
    } as const;
    const finish = (result: unknown) => {
      clearTimeout(timer);
      for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener);
      resolve(result);
    };
    const fail = (error: string) => {
      connection = undefined;
      socket.destroy();
      finish({ error });
    };
    const timer = setTimeout(() => fail('TIMEOUT'), 2_000);
    // It may have been reset since the last line.
    const known = socket.errored as NodeJS.ErrnoException | null;
    if (known !== null) {
      fail(known.code ?? known.message);
      return;
    }
    // What comes between two lines is asked for with the next one.
    if (socket.listenerCount('error') === 0) socket.on('error', () => undefined);
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener);
    socket.write('hello\n');
  });
}

function endConnection(): unknown {
  connection?.destroy();
  connection = undefined;
  return {};
}

function overUdp(host: string, port: number, socket: Socket, bytes: number): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ error: 'TIMEOUT' }), 2_000);
    socket.removeAllListeners('message');
    socket.removeAllListeners('error');
    socket.once('message', (message) => {
      clearTimeout(timer);
      resolve(JSON.parse(message.toString()));
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({ error: error.code });
    });
    socket.send('hello'.padEnd(bytes), port, host);
  });
}

async function run({ to, over, bytes = 0 }: Command): Promise<readonly unknown[]> {
  const answers: unknown[] = [];
  for (const [host, port, from] of to) {
    if (over === 'tcp') {
      answers.push(await overTcp(host, port, from));
      continue;
    }
    if (over === 'tcpFlow' || over === 'endFlow') {
      answers.push(over === 'tcpFlow' ? await overConnection(host, port) : endConnection());
      continue;
    }
    const type = host.includes(':') ? 'udp6' : 'udp4';
    if (over === 'udpFlow') flow ??= createSocket(type);
    const socket = over === 'udpFlow' && flow ? flow : createSocket(type);
    answers.push(await overUdp(host, port, socket, bytes));
    if (socket !== flow) socket.close();
  }
  return answers;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as Command))}\n`);
}
