// SPDX-License-Identifier: Apache-2.0

/** A timer that has been set. */
export interface Timer {
  /** Prevents the call; does nothing when it has already happened. */
  cancel(): void;
}

/** Time as an argument: decisions use `monotonicMs`, only texts for people use `wallMs`. */
export interface Clock {
  /**
   * Milliseconds, with fractions, of CLOCK_MONOTONIC: the same value in every thread and process of the machine, never
   * set back by NTP or by hand. It does not count the time the machine is suspended.
   */
  monotonicMs(): number;
  /** Milliseconds since 1970, UTC. May jump. */
  wallMs(): number;
  /** Calls once after `delayMs` (0 or less: as soon as possible). A timer that waits keeps the process alive. */
  setTimer(callback: () => void, delayMs: number): Timer;
}

/** Longest delay Node's timers hold; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** The real clock. */
export const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  setTimer(callback, delayMs) {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs`, or at once (also by resolving) when `signal` is aborted. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.setTimer(done, delayMs);
    signal?.addEventListener('abort', done);
  });
}

interface PendingTimer {
  readonly dueMs: number;
  readonly sequence: number;
  readonly callback: () => void;
}

/** A clock for tests that moves only when told to. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #wallOffsetMs: number;
  #sequence = 0;
  readonly #timers = new Set<PendingTimer>();

  /** @param startMs first value of `monotonicMs`; @param wallStartMs first value of `wallMs` */
  constructor(startMs = 1_000, wallStartMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
    this.#wallOffsetMs = wallStartMs - startMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = {
      dueMs: this.#nowMs + Math.max(delayMs, 0),
      sequence: this.#sequence++,
      callback,
    };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** How many timers wait. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** When the next timer is due, or undefined. */
  nextTimerMs(): number | undefined {
    return this.#next()?.dueMs;
  }

  /** Moves time on and calls every timer that comes due, in order; promise callbacks do not run in between. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (let timer = this.#next(); timer !== undefined && timer.dueMs <= endMs; timer = this.#next()) {
      this.#fire(timer);
    }
    this.#nowMs = endMs;
  }

  /** Like {@link advance}, but lets everything that waits for promises run before and after each timer. */
  async advanceAsync(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await settle();
    for (let timer = this.#next(); timer !== undefined && timer.dueMs <= endMs; timer = this.#next()) {
      this.#fire(timer);
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  #fire(timer: PendingTimer): void {
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    this.#timers.delete(timer);
    timer.callback();
  }

  #next(): PendingTimer | undefined {
    let first: PendingTimer | undefined;
    for (const timer of this.#timers) {
      const earlier =
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.sequence < first.sequence);
      if (earlier) first = timer;
    }
    return first;
  }
}

/** Lets all promise callbacks that can run do so. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
