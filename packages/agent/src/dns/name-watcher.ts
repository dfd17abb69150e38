// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { DnsMode } from './choose-addresses.ts';
import { NameBook, type NameState } from './name-book.ts';
import type { ResolveName } from './resolve-name.ts';

/** What is known of names, for whoever reads Services. */
export interface NameLookup {
  readonly mode: DnsMode;
  /** Undefined: it has not been asked for. */
  stateOf(name: string): NameState | undefined;
}

/** What {@link NameWatcher} needs. */
export interface NameWatcherOptions {
  readonly mode: DnsMode;
  readonly resolve: ResolveName;
  readonly clock: Clock;
  readonly logger: Logger;
  /** An answer or a problem came, changed or went. */
  readonly onChange: () => void;
}

/** Asks for names when {@link NameBook} says so. */
export class NameWatcher implements NameLookup {
  readonly mode: DnsMode;
  readonly #options: NameWatcherOptions;
  readonly #book = new NameBook();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: NameWatcherOptions) {
    this.mode = options.mode;
    this.#options = options;
  }

  stateOf(name: string): NameState | undefined {
    return this.#book.stateOf(name);
  }

  /** The whole set of names in use. Cheap when nothing changes. */
  want(names: ReadonlySet<string>): void {
    this.#book.want(names, this.#options.clock.monotonicMs());
    this.#ask();
  }

  /** Asks no more; answers that come later count for nothing. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #ask(): void {
    if (this.#isStopped) return;
    const { clock, logger } = this.#options;
    for (const name of this.#book.takeDue(clock.monotonicMs())) {
      this.#askFor(name).catch((error: unknown) =>
        logger.error({ err: error, name }, 'asking for a name failed'),
      );
    }
    this.#arm();
  }

  async #askFor(name: string): Promise<void> {
    const { clock, resolve, logger, onChange } = this.#options;
    const before = this.#book.stateOf(name);
    const result = await resolve(name);
    if (this.#isStopped) return;
    const changed = this.#book.took(name, result, clock.monotonicMs());
    this.#arm();
    if (!changed) return;
    const { answer, problems } = this.#book.stateOf(name) ?? {};
    logger.info({ name, before: before?.answer, answer, problems }, 'a name has another answer');
    onChange();
  }

  #arm(): void {
    this.#timer?.cancel();
    const { nextMs } = this.#book;
    if (this.#isStopped || nextMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(() => this.#ask(), Math.max(0, nextMs - clock.monotonicMs()));
  }
}
