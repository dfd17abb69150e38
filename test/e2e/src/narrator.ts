// SPDX-License-Identifier: Apache-2.0
/** What the demo says: each command with its answer, a line while it waits, colours only where they can be seen. */

/** The part of a terminal stream that the narrator needs. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const ESCAPE = '\u001b[';
const SPINNER = ['|', '/', '-', '\\'] as const;
const PROGRESS_INTERVAL_MS = 250;

/** Tells the story of a run on one output stream. */
export class Narrator {
  readonly #output: Output;
  readonly #terminal: boolean;

  constructor(output: Output, environment: Readonly<Record<string, string | undefined>> = {}) {
    this.#output = output;
    this.#terminal =
      output.isTTY === true && environment.NO_COLOR === undefined && environment.TERM !== 'dumb';
  }

  /** Headline of a chapter. */
  chapter(title: string): void {
    this.#line(`\n${this.#paint('1;36', `== ${title}`)}`);
  }

  /** A sentence of explanation. */
  say(text: string): void {
    this.#line(text);
  }

  /** A command as a user would type it. */
  command(text: string): void {
    this.#line(this.#paint('1', `$ ${text}`));
  }

  /** What a command answered, indented so that it stands apart. */
  answer(text: string): void {
    const trimmed = text.replace(/\s+$/, '');
    if (trimmed !== '') this.#line(trimmed.replace(/^/gm, '  '));
  }

  /** A measured result, good or bad. */
  verdict(good: boolean, text: string): void {
    this.#line(`${good ? this.#paint('32', 'ok') : this.#paint('31', 'NOT OK')}  ${text}`);
  }

  /**
   * Shows one line while `work` runs: on a terminal it ticks and is removed afterwards, elsewhere it is printed once.
   */
  async waiting<T>(what: string, work: Promise<T>): Promise<T> {
    if (!this.#terminal) {
      this.#line(`... ${what}`);
      return await work;
    }
    const started = performance.now();
    let turn = 0;
    const draw = (): void => {
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      this.#output.write(`\r${ESCAPE}2K${SPINNER[turn++ % SPINNER.length]} ${what} (${seconds} s)`);
    };
    draw();
    const timer = setInterval(draw, PROGRESS_INTERVAL_MS);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      this.#output.write(`\r${ESCAPE}2K`);
    }
  }

  #paint(code: string, text: string): string {
    return this.#terminal ? `${ESCAPE}${code}m${text}${ESCAPE}0m` : text;
  }

  #line(text: string): void {
    this.#output.write(`${text}\n`);
  }
}

/** Quotes an argument vector the way a reader could paste it into a shell. */
export function shellQuote(argv: readonly string[]): string {
  return argv
    .map((word) => (/^[\w@%+=:,./<>-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
