// SPDX-License-Identifier: Apache-2.0
/** Lab program: clients of one host, told what to do on standard input; prints one line of JSON for each command. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { PacketSocket } from '../../../system/packet-socket.ts';
import { encodeTcpSegment, type TcpSegment } from './tcp-segment.ts';

/** What to do: so many connections at the same time, segments as they are, or closing what was kept open. */
export type VisitorCommand =
  | {
      readonly kind: 'visit';
      readonly to: string;
      readonly port: number;
      readonly from?: string;
      readonly times: number;
      /** Leave them open after the first answer. */
      readonly keep?: boolean;
    }
  | { readonly kind: 'send'; readonly segments: readonly Omit<TcpSegment, 'sourceMac'>[] }
  /** Everybody who was kept says something, and waits for an answer. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'leave' };

/** What became of one connection: the server's words, an error code, or `SILENCE`. */
export interface Visit {
  readonly name?: string;
  readonly from?: string;
  readonly error?: string;
}

/** Before the kernel sends its first packet again, so that each connection is one attempt. */
const PATIENCE_MS = 900;

const kept = new Set<Socket>();

async function visit({ to, port, from, keep = false }: VisitorCommand & { kind: 'visit' }): Promise<Visit> {
  const socket = connect({ host: to, port, ...(from === undefined ? {} : { localAddress: from }) });
  const what = await answerOn(socket);
  if (keep && what.error === undefined) kept.add(socket);
  else socket.destroy();
  return what;
}

/** What comes next on a connection. */
function answerOn(socket: Socket): Promise<Visit> {
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error('silence'), { code: 'SILENCE' })),
      PATIENCE_MS,
    );
    socket.once('data', (chunk) => {
      clearTimeout(timer);
      resolve(JSON.parse(chunk.toString()) as Visit);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({ error: error.code ?? error.message });
    });
  });
}

function send(segments: readonly Omit<TcpSegment, 'sourceMac'>[]): void {
  const socket = PacketSocket.open('eth0', 0);
  try {
    for (const segment of segments) socket.send(encodeTcpSegment({ ...segment, sourceMac: socket.mac() }));
  } finally {
    socket.close();
  }
}

async function run(command: VisitorCommand): Promise<readonly Visit[]> {
  if (command.kind === 'visit')
    return await Promise.all(Array.from({ length: command.times }, () => visit(command)));
  if (command.kind === 'ask') {
    return await Promise.all(
      [...kept].map((socket) => {
        socket.write('and now?');
        return answerOn(socket);
      }),
    );
  }
  if (command.kind === 'send') send(command.segments);
  else {
    for (const socket of kept) socket.destroy();
    kept.clear();
  }
  return [];
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as VisitorCommand))}\n`);
}
