// SPDX-License-Identifier: Apache-2.0
import { appendFileSync } from 'node:fs';

/** Milliseconds of CLOCK_MONOTONIC: the same in every process of the machine, so journals and observers compare. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** One disturbance (or its end) and when it happened. */
export interface JournalEntry {
  /** Name of the verb: `kill`, `partition`, `pod-unready`, ... */
  readonly verb: string;
  /** Host, or `namespace/pod`. */
  readonly subject: string;
  /** Monotonic, just before the first effect. */
  readonly startedMs: number;
  /** Monotonic, when the effect was complete. */
  readonly doneMs: number;
  /** Wall clock at the start, ISO 8601. */
  readonly at: string;
  /** E.g. the direction of a partition. */
  readonly detail?: string;
}

/** What happened when, in order; kept in memory and, if a file is named, as JSON lines. */
export class Journal {
  readonly #entries: JournalEntry[] = [];
  readonly #file: string | undefined;

  constructor(file?: string) {
    this.#file = file;
  }

  get entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  /** Does something and records when; a failure is recorded too (detail) and thrown on. */
  async record(
    verb: string,
    subject: string,
    action: () => Promise<void>,
    detail?: string,
  ): Promise<JournalEntry> {
    const at = new Date().toISOString();
    const startedMs = monotonicMs();
    const write = (text: string | undefined): JournalEntry => {
      const entry = {
        verb,
        subject,
        startedMs,
        doneMs: monotonicMs(),
        at,
        ...(text === undefined ? {} : { detail: text }),
      };
      this.#entries.push(entry);
      if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify(entry)}\n`);
      return entry;
    };
    try {
      await action();
    } catch (error) {
      write(`failed: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
    return write(detail);
  }
}
