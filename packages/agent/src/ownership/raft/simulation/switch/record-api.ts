// SPDX-License-Identifier: Apache-2.0
import type { GroupReading } from '../../group-lease.ts';
import type { GroupState } from '../../group-record.ts';

/** The group record in an API server: every state that it has had, compare-and-swap, and somebody who meddles. */
export class RecordApi {
  readonly #history: GroupReading[] = [{ kind: 'absent' }];
  readonly #listeners = new Set<(reading: GroupReading) => void>();

  get reading(): GroupReading {
    return this.#history.at(-1) ?? { kind: 'absent' };
  }

  get state(): GroupState | undefined {
    const { reading } = this;
    return reading.kind === 'found' ? reading.state : undefined;
  }

  onChange(listener: (reading: GroupReading) => void): void {
    this.#listeners.add(listener);
  }

  /** Version of what was written; undefined: somebody was faster. */
  write(state: GroupState, over: string | undefined): string | undefined {
    const { reading } = this;
    if ((reading.kind === 'absent' ? undefined : reading.version) !== over) return undefined;
    const version = String(this.#history.length);
    this.#put({ kind: 'found', state, version });
    return version;
  }

  delete(): void {
    this.#put({ kind: 'absent' });
  }

  /** Puts back what was there so many changes ago. */
  rewind(changes: number): void {
    const old = this.#history.at(-1 - changes) ?? this.reading;
    this.#put(old.kind === 'found' ? { ...old, version: String(this.#history.length) } : old);
  }

  #put(reading: GroupReading): void {
    this.#history.push(reading);
    for (const listener of this.#listeners) listener(reading);
  }
}
