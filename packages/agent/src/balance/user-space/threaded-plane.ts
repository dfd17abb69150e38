// SPDX-License-Identifier: Apache-2.0
import { type Clock, systemClock } from '@fairlead/shared/runtime/clock.ts';
import type { ProxyListener } from './listener.ts';
import type { ListenerProblem, ListenerStats, UserSpacePlane } from './plane.ts';
import { PlaneThread, type PlaneThreadOptions } from './plane-thread.ts';

/** What has been accepted may be finished in this time when the program ends. */
const STOP_DRAIN_MS = 2_000;

/** A user-space plane in a thread of its own, which is begun with the first listener: without any it costs nothing. */
export function createUserSpacePlane(
  options: Omit<PlaneThreadOptions, 'clock'> & { readonly clock?: Clock },
): UserSpacePlane {
  return new ThreadedPlane({ clock: systemClock, ...options });
}

class ThreadedPlane implements UserSpacePlane {
  readonly #options: PlaneThreadOptions;
  #thread: PlaneThread | undefined;
  #wanted: readonly ProxyListener[] = [];
  /** What the thread was told, by id. A listener never changes in place. */
  readonly #told = new Map<string, ProxyListener>();
  /** By the listener's id. */
  readonly #problems = new Map<string, ListenerProblem>();

  constructor(options: PlaneThreadOptions) {
    this.#options = options;
  }

  async apply(listeners: readonly ProxyListener[]): Promise<readonly ListenerProblem[]> {
    this.#wanted = listeners;
    if (this.#thread === undefined && listeners.length === 0) return [];
    const wanted = new Set(listeners.map(({ id }) => id));
    const gone = [...this.#told.keys()].filter((id) => !wanted.has(id));
    const put = listeners.filter(
      (listener) => this.#told.get(listener.id) !== listener || this.#problems.has(listener.id),
    );
    if (put.length > 0 || gone.length > 0) await this.#change(put, gone);
    return this.problems();
  }

  async verify(): Promise<boolean> {
    const hasDied = this.#thread?.isGone === true;
    if (hasDied) this.#forget();
    const before = this.#problems.size;
    if (!hasDied && before === 0) return false;
    await this.apply(this.#wanted);
    return hasDied || this.#problems.size !== before;
  }

  problems(): readonly ListenerProblem[] {
    return [...this.#problems.values()];
  }

  stats(): ReadonlyMap<string, ListenerStats> {
    return this.#thread?.stats ?? new Map();
  }

  async stop(drainMs = STOP_DRAIN_MS): Promise<void> {
    this.#wanted = [];
    const thread = this.#thread;
    this.#forget();
    await thread?.stop(drainMs);
  }

  async #change(put: readonly ProxyListener[], gone: readonly string[]): Promise<void> {
    for (const id of gone) {
      this.#told.delete(id);
      this.#problems.delete(id);
    }
    for (const listener of put) this.#told.set(listener.id, listener);
    this.#thread ??= new PlaneThread(this.#options);
    const problems = new Map((await this.#thread.change(put, gone)).map((each) => [each.id, each]));
    for (const listener of put) {
      const { id } = listener;
      // A later call may have put another in its place, and knows better.
      if (this.#told.get(id) !== listener) continue;
      const problem = problems.get(id);
      if (problem === undefined) this.#problems.delete(id);
      else this.#note(problem);
    }
  }

  #note(problem: ListenerProblem): void {
    const { id, problem: text } = problem;
    if (this.#problems.get(id)?.problem !== text) {
      this.#options.logger.warn({ listener: id, problem: text }, 'cannot be listened on; it is tried again');
    }
    this.#problems.set(id, problem);
  }

  #forget(): void {
    this.#thread = undefined;
    this.#told.clear();
    this.#problems.clear();
  }
}
