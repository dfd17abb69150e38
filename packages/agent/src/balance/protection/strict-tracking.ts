// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';

/** Whether connection tracking adopts connections in the middle; to be `0`. */
export const LOOSE_SETTING = 'net.netfilter.nf_conntrack_tcp_loose';
/** The same as a file. */
const LOOSE = `/proc/sys/${LOOSE_SETTING.replaceAll('.', '/')}`;

/** How the setting is reached; replaced in tests. */
export interface LooseSetting {
  /** Throws when there is none. */
  read(): string;
  /** Throws when it may not be written. */
  write(value: string): void;
}

const OF_THE_KERNEL: LooseSetting = {
  read: () => readFileSync(LOOSE, 'utf8').trim(),
  write: (value) => writeFileSync(LOOSE, value),
};

/**
 * Keeps connection tracking from adopting TCP connections whose beginning it has not seen. The SYN proxy needs that: what
 * answers its question is the third packet of a connection whose first one was kept from connection tracking, and adopted
 * it would be sent to a back end that knows nothing of it.
 */
export class StrictTracking {
  readonly #setting: LooseSetting;
  /** What we replaced, and shall put back. */
  #found: string | undefined;

  constructor(setting: LooseSetting = OF_THE_KERNEL) {
    this.#setting = setting;
  }

  /** Sees to it. Returns why it cannot, for the user; undefined when it is so. */
  ensure(): string | undefined {
    const expected = `set ${LOOSE_SETTING}=0 on the node, or let the agent write /proc/sys`;
    try {
      const value = this.#setting.read();
      if (value === '0') return undefined;
      this.#setting.write('0');
      this.#found ??= value;
      return undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return `connection tracking adopts connections in the middle (${reason}); ${expected}`;
    }
  }

  /** Puts back what was there before us. @throws Error when that cannot be written */
  restore(): void {
    if (this.#found === undefined) return;
    this.#setting.write(this.#found);
    this.#found = undefined;
  }
}
