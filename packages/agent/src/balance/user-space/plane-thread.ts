// SPDX-License-Identifier: Apache-2.0
import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { ProxyListener } from './listener.ts';
import { type ListenerProblem, type ListenerStats, PlaneGoneError } from './plane.ts';
import type { FromPlane, ToPlane } from './worker-protocol.ts';

/** What {@link PlaneThread} needs. */
export interface PlaneThreadOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For tests: the program of the thread. */
  readonly url?: URL;
  /** A thread that says nothing for so long, or leaves something undone, hangs, and is ended. */
  readonly patienceMs?: number;
}

interface Waiting {
  readonly timer: Timer;
  resolve(problems: readonly ListenerProblem[]): void;
  reject(error: PlaneGoneError): void;
}

/** Source tree: the file itself, by type stripping. Bundle: beside the agent's bundle (scripts/build.ts). */
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? './plane-worker.ts' : './plane-worker.js',
  import.meta.url,
);

/** It speaks every second; on a machine that does ten things at once it may be late. */
const PATIENCE_MS = 10_000;

/** The main thread's end of the plane's thread: calls and their acknowledgements. */
export class PlaneThread {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #isStopping = false;
  #gone: PlaneGoneError | undefined;
  #stats: ReadonlyMap<string, ListenerStats> = new Map();
  #heardMs: number;

  constructor({ clock, logger, url = WORKER_URL, patienceMs = PATIENCE_MS }: PlaneThreadOptions) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#heardMs = clock.monotonicMs();
    // No inherited flags: those of a debugger or a test runner do not belong into this thread.
    this.#worker = new Worker(url, { execArgv: [], name: 'user-space' });
    let failure = 'without an error';
    this.#worker.on('error', (error) => {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.#worker.on('message', (message: FromPlane) => {
      this.#heardMs = clock.monotonicMs();
      if (message.type === 'stats') this.#stats = message.stats;
      else this.#acknowledge(message.id, message.problems);
    });
    this.#worker.on('exit', (code) => {
      this.#giveUp(code === 0 ? 'stopped' : `exit code ${code}, ${failure}`);
      if (!this.#isStopping) logger.error({ err: this.#gone }, 'all proxied connections are lost');
    });
  }

  /** It has ended, or hangs and is made to end: its ports may be taken for a moment yet. */
  get isGone(): boolean {
    if (this.#gone === undefined && this.#clock.monotonicMs() - this.#heardMs > this.#patienceMs) this.#end();
    return this.#gone !== undefined;
  }

  /** By the listener's id, at most a second old. */
  get stats(): ReadonlyMap<string, ListenerStats> {
    return this.#gone === undefined ? this.#stats : new Map();
  }

  /** Resolves to those of `put` that cannot be listened on. @throws PlaneGoneError */
  change(put: readonly ProxyListener[], gone: readonly string[]): Promise<readonly ListenerProblem[]> {
    return this.#ask((id) => ({ type: 'change', id, put, gone }), this.#patienceMs);
  }

  /** Resolves when the thread has ended. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true;
    try {
      await this.#ask((id) => ({ type: 'stop', id, drainMs }), drainMs + this.#patienceMs);
    } catch (error) {
      if (!(error instanceof PlaneGoneError)) throw error;
    }
    await this.#worker.terminate();
  }

  #ask(make: (id: number) => ToPlane, limitMs: number): Promise<readonly ListenerProblem[]> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => this.#end(), limitMs);
      this.#waiting.set(id, { timer, resolve, reject });
      this.#worker.postMessage(make(id));
    });
  }

  #acknowledge(id: number, problems: readonly ListenerProblem[]): void {
    const waiting = this.#waiting.get(id);
    waiting?.timer.cancel();
    waiting?.resolve(problems);
    this.#waiting.delete(id);
  }

  #end(): void {
    this.#giveUp('it did not answer, and was ended');
    // Its exit is told like any other.
    void this.#worker.terminate();
  }

  #giveUp(why: string): void {
    this.#gone ??= new PlaneGoneError(why);
    for (const { timer, reject } of this.#waiting.values()) {
      timer.cancel();
      reject(this.#gone);
    }
    this.#waiting.clear();
  }
}
