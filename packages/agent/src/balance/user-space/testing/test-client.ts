// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import { until } from './loopback.ts';

/** A TCP client that remembers what it hears. */
export class TestClient {
  readonly socket: Socket;
  /** How the connection ended: `end`, or the code of an error. Undefined: it has not. */
  outcome: string | undefined;
  #heard = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#heard += text;
    });
    socket.on('end', () => {
      this.outcome ??= 'end';
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.outcome ??= error.code ?? error.message;
    });
  }

  get heard(): string {
    return this.#heard;
  }

  say(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** Resolves when it has heard that text. */
  hears(text: string): Promise<void> {
    return until(`to hear ${JSON.stringify(text)}`, () => this.#heard.includes(text));
  }

  /** Resolves with everything that was heard when the other end has said its last word. */
  async ends(): Promise<string> {
    await until('the end of the connection', () => this.outcome !== undefined);
    if (this.outcome !== 'end') throw new Error(`the connection broke: ${this.outcome}`);
    return this.#heard;
  }

  /** Resolves when the connection was reset. */
  async isReset(): Promise<void> {
    await until('a reset', () => this.outcome !== undefined);
    if (this.outcome === 'end') throw new Error('the connection ended in order');
  }
}
