// SPDX-License-Identifier: Apache-2.0
import type { ServerResponse } from 'node:http';

/** A client that reads slower than this much behind is cut, as the real server does; it will list again. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;

/** One open watch: writes frames at once, or keeps them back while the stream is stalled by fault injection. */
export class WatchStream {
  readonly #response: ServerResponse;
  #held: string[] | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** True while frames are kept back. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  write(frame: string): void {
    if (this.#held !== undefined) {
      this.#held.push(frame);
      return;
    }
    if (this.#response.destroyed || this.#response.writableEnded) return;
    this.#response.write(frame);
    if (this.#response.writableLength > MAX_UNSENT_BYTES) this.cut();
  }

  /** Ends the answer in an orderly way, as at a timeout. */
  end(): void {
    if (!this.#response.writableEnded) this.#response.end();
  }

  /** Closes the connection under the client. */
  cut(): void {
    this.#held = undefined;
    this.#response.destroy();
  }

  /** Sends nothing until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  /** Sends what was kept back. */
  release(): void {
    const frames = this.#held;
    this.#held = undefined;
    for (const frame of frames ?? []) this.write(frame);
  }
}

/** All open watches, for fault injection. */
export class WatchStreams {
  readonly #streams = new Set<WatchStream>();
  #holding = false;

  get size(): number {
    return this.#streams.size;
  }

  add(stream: WatchStream): void {
    this.#streams.add(stream);
    if (this.#holding) stream.hold();
  }

  delete(stream: WatchStream): void {
    this.#streams.delete(stream);
  }

  cutAll(): void {
    for (const stream of [...this.#streams]) stream.cut();
  }

  /** Also holds watches that are opened while it lasts. */
  holdAll(): void {
    this.#holding = true;
    for (const stream of this.#streams) stream.hold();
  }

  /** Ends the stall: `send` delivers what was kept back, `cut` loses it with the connections. */
  releaseAll(how: 'send' | 'cut'): void {
    this.#holding = false;
    if (how === 'cut') this.cutAll();
    else for (const stream of this.#streams) stream.release();
  }
}
