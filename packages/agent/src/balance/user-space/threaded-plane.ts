// SPDX-License-Identifier: Apache-2.0
import { Worker } from 'node:worker_threads';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { ProxyListener } from './listener.ts';
import type { ListenerProblem, ListenerStats, UserSpacePlane } from './plane.ts';
import type { FromPlane, ToPlane } from './worker-protocol.ts';

/** The thread of the plane is gone, and with it all its connections. */
export class PlaneGoneError extends Error {
  constructor(why: string) {
    super(`the thread of the user-space plane has ended: ${why}`);
    this.name = 'PlaneGoneError';
  }
}

interface Waiting {
  resolve(problems: readonly ListenerProblem[]): void;
  reject(error: PlaneGoneError): void;
}

/** Source tree: the file itself, by type stripping. Bundle: beside the agent's bundle (scripts/build.ts). */
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? './plane-worker.ts' : './plane-worker.js',
  import.meta.url,
);

/** What has been accepted may be finished in this time when the program ends. */
const STOP_DRAIN_MS = 2_000;

/** A user-space plane in a thread of its own, which is begun with the first listener: without any it costs nothing. */
export function createUserSpacePlane(options: { readonly logger: Logger }): UserSpacePlane {
  return new ThreadedPlane(options.logger);
}

class ThreadedPlane implements UserSpacePlane {
  readonly #logger: Logger;
  #thread: PlaneThread | undefined;
  #wanted: readonly ProxyListener[] = [];
  #problems: readonly ListenerProblem[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async apply(listeners: readonly ProxyListener[]): Promise<readonly ListenerProblem[]> {
    this.#wanted = listeners;
    if (this.#thread === undefined && listeners.length === 0) return [];
    this.#thread ??= new PlaneThread(this.#logger);
    const problems = await this.#thread.apply(listeners);
    this.#tellNew(problems);
    this.#problems = problems;
    return problems;
  }

  async verify(): Promise<boolean> {
    const hasDied = this.#thread?.isGone === true;
    if (hasDied) this.#thread = undefined;
    const before = this.#problems.length;
    if (!hasDied && before === 0) return false;
    const after = await this.apply(this.#wanted);
    return hasDied || after.length !== before;
  }

  stats(): ReadonlyMap<string, ListenerStats> {
    return this.#thread?.stats ?? new Map();
  }

  async stop(drainMs = STOP_DRAIN_MS): Promise<void> {
    this.#wanted = [];
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.stop(drainMs);
  }

  #tellNew(problems: readonly ListenerProblem[]): void {
    const known = new Set(this.#problems.map(({ id, problem }) => `${id} ${problem}`));
    for (const { id, problem } of problems) {
      if (known.has(`${id} ${problem}`)) continue;
      this.#logger.warn({ listener: id, problem }, 'cannot be listened on; it is tried again');
    }
  }
}

/** The main thread's end: calls and their acknowledgements. */
class PlaneThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #isStopping = false;
  #gone: PlaneGoneError | undefined;
  #stats: ReadonlyMap<string, ListenerStats> = new Map();

  constructor(logger: Logger) {
    // No inherited flags: those of a debugger or a test runner do not belong into this thread.
    this.#worker = new Worker(WORKER_URL, { execArgv: [], name: 'user-space' });
    let failure = 'without an error';
    this.#worker.on('error', (error) => {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.#worker.on('message', (message: FromPlane) => {
      if (message.type === 'stats') this.#stats = message.stats;
      else this.#acknowledge(message.id, message.problems);
    });
    this.#worker.on('exit', (code) => {
      this.#gone = new PlaneGoneError(code === 0 ? 'stopped' : `exit code ${code}, ${failure}`);
      for (const { reject } of this.#waiting.values()) reject(this.#gone);
      this.#waiting.clear();
      if (!this.#isStopping) logger.error({ err: this.#gone }, 'all proxied connections are lost');
    });
  }

  get isGone(): boolean {
    return this.#gone !== undefined;
  }

  get stats(): ReadonlyMap<string, ListenerStats> {
    return this.#gone === undefined ? this.#stats : new Map();
  }

  apply(listeners: readonly ProxyListener[]): Promise<readonly ListenerProblem[]> {
    return this.#ask((id) => ({ type: 'apply', id, listeners }));
  }

  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true;
    try {
      await this.#ask((id) => ({ type: 'stop', id, drainMs }));
    } catch (error) {
      if (!(error instanceof PlaneGoneError)) throw error;
    }
    await this.#worker.terminate();
  }

  #ask(make: (id: number) => ToPlane): Promise<readonly ListenerProblem[]> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage(make(id));
    });
  }

  #acknowledge(id: number, problems: readonly ListenerProblem[]): void {
    this.#waiting.get(id)?.resolve(problems);
    this.#waiting.delete(id);
  }
}
