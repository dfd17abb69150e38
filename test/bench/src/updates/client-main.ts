// SPDX-License-Identifier: Apache-2.0
/**
 * The client. `client-main.ts ADDRESS PORT`, then on standard input: `probe N` opens N new flows and prints who answered each;
 * `flow A,B` keeps one flow at one of these endpoints and numbers its datagrams, one each 2 ms, until `end` prints how many had no answer.
 */
import { createSocket, type Socket } from 'node:dgram';
import { createInterface } from 'node:readline';

const [host = '', portText = ''] = process.argv.slice(2);
const port = Number(portText);
const PACE_MS = 2;
const ANSWER_LIMIT_MS = 1_000;

/** Sends one datagram from a new port and tells who answers; undefined: nobody. */
async function ask(socket: Socket, text: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve(undefined), ANSWER_LIMIT_MS);
  socket.once('message', (message) => resolve(message.toString().split(' ')[0]));
  socket.send(text, port, host);
  const answer = await promise;
  clearTimeout(timer);
  return answer;
}

async function probe(count: number): Promise<readonly (string | undefined)[]> {
  const answers: (string | undefined)[] = [];
  for (let index = 0; index < count; index++) {
    const socket = createSocket('udp4');
    answers.push(await ask(socket, 'probe'));
    socket.close();
  }
  return answers;
}

class Flow {
  readonly #unanswered = new Set<number>();
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #sent = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message) => this.#unanswered.delete(Number(message.toString().split(' ')[1])));
    this.#timer = setInterval(() => {
      this.#unanswered.add(this.#sent);
      socket.send(String(this.#sent++), port, host);
    }, PACE_MS);
  }

  async end(): Promise<{ readonly sent: number; readonly lost: number }> {
    clearInterval(this.#timer);
    await new Promise((resolve) => setTimeout(resolve, ANSWER_LIMIT_MS));
    this.#socket.close();
    return { sent: this.#sent, lost: this.#unanswered.size };
  }
}

/** A flow to one of the endpoints that stay. */
async function openFlow(staying: readonly string[]): Promise<Flow> {
  for (;;) {
    const socket = createSocket('udp4');
    const answer = await ask(socket, 'flow');
    if (answer !== undefined && staying.includes(answer)) return new Flow(socket);
    socket.close();
  }
}

let flow: Flow | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  const [word = '', argument = ''] = line.split(' ');
  let answer: unknown = { error: `unknown: ${line}` };
  if (word === 'probe') answer = await probe(Number(argument));
  if (word === 'flow') {
    flow = await openFlow(argument.split(','));
    answer = 'open';
  }
  if (word === 'end' && flow !== undefined) answer = await flow.end();
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
