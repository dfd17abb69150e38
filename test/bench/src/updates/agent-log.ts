// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readSync, statSync } from 'node:fs';

/** One line of the agent's log. */
export interface AgentLine {
  readonly msg?: string;
  readonly service?: string;
  readonly tookMs?: number;
  readonly startMs?: number;
}

/** Reads what was added to a log since the last look. */
export class AgentLog {
  readonly #file: string;
  #offset = 0;
  #rest = '';

  constructor(file: string) {
    this.#file = file;
  }

  /** The lines since the last look, without those that are none of the logger's. */
  next(): readonly AgentLine[] {
    const size = statSync(this.#file).size;
    if (size <= this.#offset) return [];
    const buffer = Buffer.alloc(size - this.#offset);
    const fd = openSync(this.#file, 'r');
    try {
      this.#offset += readSync(fd, buffer, 0, buffer.length, this.#offset);
    } finally {
      closeSync(fd);
    }
    const lines = (this.#rest + buffer.toString('utf8')).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as AgentLine] : []));
  }
}
