// SPDX-License-Identifier: Apache-2.0

/** Something that one host of many can have at a time, for as long as it keeps asking for it. */
export interface Lock {
  /** Begins to look who has it. Resolves when that is known, or nobody could be asked in time. */
  start(): Promise<void>;
  /** Takes it when it is free, or gives it back if this host has it: at once, so nothing may hang on it any more. */
  contend(isOn: boolean): void;
  /** Until when (monotonic) this host has it; in the past when it has not. */
  holdUntilMs(): number;
  /** Who has it, as last heard; undefined: nobody. */
  holder(): string | undefined;
  /** Why it cannot be known or had; undefined: nothing is wrong. */
  problem(): string | undefined;
  /** Gives it back and ends. */
  stop(): Promise<void>;
}

/** Called by a {@link Lock} as things happen. */
export interface LockListener {
  /** Who has it has changed, or whether this host has it. */
  readonly onChange: () => void;
  /** This host has it for longer, and nothing else is new. */
  readonly onExtended: () => void;
}
