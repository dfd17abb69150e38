// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { runCommand } from './commands.ts';

/** Runs `conntrack` with these arguments; what it prints. */
export type RunConntrack = (args: readonly string[]) => Promise<string>;

/** The `conntrack` program, which lists and forgets connections; one run after the other. Without it one does without, and says so once. */
export class ConntrackProgram {
  readonly #logger: Logger;
  readonly #hint: string;
  readonly #run: RunConntrack;
  #queue: Promise<unknown> = Promise.resolve();
  #isMissing = false;

  /**
   * @param hint what users have to expect where it cannot be run
   * @param run replaced in tests
   */
  constructor(logger: Logger, hint: string, run: RunConntrack = runConntrack) {
    this.#logger = logger;
    this.#hint = hint;
    this.#run = run;
  }

  /** It could not be run, and is not tried any more. */
  get isMissing(): boolean {
    return this.#isMissing;
  }

  /** What it prints; empty where it cannot be run. Never rejects. */
  run(args: readonly string[]): Promise<string> {
    const turn = this.#queue.then(() => this.#try(args));
    this.#queue = turn;
    return turn;
  }

  async #try(args: readonly string[]): Promise<string> {
    if (this.#isMissing) return '';
    try {
      return await this.#run(args);
    } catch (error) {
      this.#isMissing = true;
      this.#logger.warn({ err: error, hint: this.#hint }, 'conntrack cannot be run');
      return '';
    }
  }
}

/** Status 1: there was no such connection. */
async function runConntrack(args: readonly string[]): Promise<string> {
  const { stdout } = await runCommand('conntrack', args, { accept: [0, 1] });
  return stdout;
}
