// SPDX-License-Identifier: Apache-2.0
import { Worker } from 'node:worker_threads';
import type { RaftCommand } from '../ownership/raft-driver/raft-port.ts';
import { closeDescriptor, openEvent, raiseEvent } from '../system/libc.ts';
import type { Grant } from './grant.ts';
import { MAIN_BEAT_INTERVAL_MS } from './main-watch.ts';
import type { ResponderTiming } from './responder.ts';
import type { AddressProblem, FromWorker, ToWorker, WorkerSetup } from './worker-protocol.ts';

/** The announcing thread is gone; with it everything it answered for is silent. */
export class WorkerGoneError extends Error {
  constructor(why: string) {
    super(`the announcing thread has ended: ${why}`);
    this.name = 'WorkerGoneError';
  }
}

/** Everything that the thread says of its own accord. */
export type WorkerNews = Exclude<FromWorker, { type: 'done' | 'descriptors' }>;

/** What the main thread wants to hear. */
export interface WorkerListener {
  /** Everything but acknowledgements. */
  message(message: WorkerNews): void;
  /** The thread ended without having been asked to. */
  gone(error: WorkerGoneError): void;
}

interface Waiting {
  resolve(problems: readonly AddressProblem[]): void;
  reject(error: WorkerGoneError): void;
  readonly timer: NodeJS.Timeout;
}

/** A thread that has not acknowledged a message after this time is given up and ended. */
const ACKNOWLEDGE_LIMIT_MS = 5000;

/** Source tree: the file itself, by type stripping. Bundle: `worker.js` beside the agent's bundle (scripts/build.ts). */
const WORKER_URL = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/** The main thread's end of the announcing thread: typed calls, acknowledgements, the beat, and the wake-up. */
export class WorkerHandle {
  readonly #worker: Worker;
  readonly #wakeFd: number;
  readonly #beat: Int32Array<SharedArrayBuffer>;
  readonly #beatTimer: NodeJS.Timeout;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #descriptors: readonly number[] = [];
  #isStopping = false;
  #gone: WorkerGoneError | undefined;

  constructor(timing: ResponderTiming, listener: WorkerListener) {
    this.#wakeFd = openEvent();
    const beat = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    this.#beat = new Int32Array(beat);
    this.#beatTimer = setInterval(() => Atomics.add(this.#beat, 0, 1), MAIN_BEAT_INTERVAL_MS);
    const setup: WorkerSetup = { beat, wakeFd: this.#wakeFd, timing };
    // No inherited flags: those of a debugger or a test runner do not belong into this thread.
    this.#worker = new Worker(WORKER_URL, { workerData: setup, execArgv: [], name: 'announce' });
    let failure = 'without an error';
    this.#worker.on('error', (error) => {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.#worker.on('message', (message: FromWorker) => {
      if (message.type === 'done') this.#acknowledge(message.id, message.problems);
      else if (message.type === 'descriptors') this.#descriptors = message.fds;
      else listener.message(message);
    });
    this.#worker.on('exit', (code) => {
      this.#gone = new WorkerGoneError(code === 0 ? 'stopped' : `exit code ${code}, ${failure}`);
      clearInterval(this.#beatTimer);
      closeDescriptor(this.#wakeFd);
      // A thread that failed leaves its sockets open, and with them the port that its successor needs.
      if (!this.#isStopping) for (const fd of this.#descriptors) closeDescriptor(fd);
      for (const { reject, timer } of this.#waiting.values()) {
        clearTimeout(timer);
        reject(this.#gone);
      }
      this.#waiting.clear();
      if (!this.#isStopping) listener.gone(this.#gone);
    });
  }

  /** Answers for these too; resolves, once they were announced, to those that cannot be served. */
  hold(grants: readonly Grant[]): Promise<readonly AddressProblem[]> {
    return this.#ask((id) => ({ type: 'hold', id, grants }));
  }

  /** New deadlines for held addresses; returns at once. */
  setDeadlines(grants: readonly Grant[]): void {
    this.#send({ type: 'deadlines', grants });
  }

  /** To the raft node; returns at once. A dead thread has none. */
  tellRaft(command: RaftCommand): void {
    this.#send({ type: 'raft', command });
  }

  /** Resolves when no further frame about these addresses can leave. A dead thread is silent already. */
  async release(addresses: readonly string[]): Promise<void> {
    try {
      await this.#ask((id) => ({ type: 'release', id, addresses }));
    } catch (error) {
      if (!(error instanceof WorkerGoneError)) throw error;
    }
  }

  /** Silent about everything, sockets closed, thread ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    try {
      await this.#ask((id) => ({ type: 'stop', id }));
    } catch (error) {
      if (!(error instanceof WorkerGoneError)) throw error;
    }
    await this.#worker.terminate();
  }

  #ask(make: (id: number) => ToWorker): Promise<readonly AddressProblem[]> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, timer: this.#limit(id) });
      this.#send(make(id));
    });
  }

  #send(message: ToWorker): void {
    if (this.#gone !== undefined) return;
    // Whoever sends is not stalled; without this the first message after a stall would be undone at once.
    Atomics.add(this.#beat, 0, 1);
    this.#worker.postMessage(message);
    raiseEvent(this.#wakeFd);
  }

  #acknowledge(id: number, problems: readonly AddressProblem[]): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    waiting.resolve(problems);
    this.#waiting.delete(id);
  }

  #limit(id: number): NodeJS.Timeout {
    return setTimeout(() => {
      // After a thaw this timer fires before a waiting acknowledgement is read: have another look afterwards.
      setImmediate(() =>
        setImmediate(() => {
          // Ending the thread makes it silent; its exit rejects everything that waits.
          if (this.#waiting.has(id)) void this.#worker.terminate();
        }),
      );
    }, ACKNOWLEDGE_LIMIT_MS);
  }
}
