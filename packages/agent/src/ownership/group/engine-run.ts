// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { AddressGroup, OwnershipEngine, OwnershipState } from '../engine.ts';
import type { GroupEngine } from '../raft/group-record.ts';

/** What an {@link EngineRun} is made of. */
export interface EngineRunOptions {
  readonly engine: OwnershipEngine;
  readonly groupId: string;
  /** The first version of its states; higher than all before. */
  readonly baseVersion: number;
  readonly clock: Clock;
}

const NOTHING: ReadonlyMap<string, number> = new Map();
const NOBODY: ReadonlySet<string> = new Set();

/**
 * One engine from its start to its end. Its grants can be masked: then nothing may be on this node, and `isClear` says when
 * nothing is. The versions of its states are put behind those of the engine before it.
 */
export class EngineRun {
  readonly engine: OwnershipEngine;
  readonly #groupId: string;
  readonly #clock: Clock;
  readonly #unsubscribers: (() => void)[] = [];
  /** Version 0 of the engine is this one. Raised at each masking and unmasking. */
  #base: number;
  #highest: number;
  #mask: 'none' | 'quiet' | 'end' = 'none';
  #maskedSinceMs = 0;
  #isClear = false;
  #isStarted = false;

  constructor({ engine, groupId, baseVersion, clock }: EngineRunOptions) {
    this.engine = engine;
    this.#groupId = groupId;
    this.#clock = clock;
    this.#base = baseVersion;
    this.#highest = baseVersion;
  }

  /** Is it the engine of this group? The `lease` engine is the same for all of them. */
  serves(engine: GroupEngine, groupId: string): boolean {
    return this.engine.name === engine && (engine === 'lease' || this.#groupId === groupId);
  }

  /** Highest version of a state so far. */
  get version(): number {
    return this.#highest;
  }

  get isMasked(): boolean {
    return this.#mask !== 'none';
  }

  /** It ends as soon as nothing of it is on this node. */
  get isEnding(): boolean {
    return this.#mask === 'end';
  }

  /** Masked, and since then nothing was on this node. */
  get isClear(): boolean {
    return this.isMasked && this.#isClear;
  }

  get maskedSinceMs(): number {
    return this.#maskedSinceMs;
  }

  /** Begins, once. */
  async start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    await this.engine.start();
  }

  /** Its versions come after those of another engine that ran meanwhile. */
  raise(baseVersion: number): void {
    this.#highest = Math.max(this.#highest, baseVersion);
    this.#base = this.#highest;
  }

  /** Grants nothing, but goes on. */
  quiet(): void {
    this.#setMask('quiet');
    this.engine.want([], NOBODY);
  }

  /** Grants nothing any more. */
  end(): void {
    if (this.#mask !== 'end') this.#setMask('end');
  }

  /** Grants again. */
  resume(groups: readonly AddressGroup[], unservable: ReadonlySet<string>): void {
    this.#setMask('none');
    this.engine.want(groups, unservable);
  }

  want(groups: readonly AddressGroup[], unservable: ReadonlySet<string>): void {
    if (this.#mask !== 'quiet') this.engine.want(groups, unservable);
  }

  report(held: ReadonlySet<string>, version: number): void {
    // What was done on the word of another time counts as nothing done.
    this.engine.report(held, Math.max(0, version - this.#base));
    // A pass that was under way when the grants were masked may still be putting something on.
    if (this.isMasked && version >= this.#base) this.#isClear = held.size === 0;
  }

  state(): OwnershipState {
    const { version, grants, owners, lostNodes } = this.engine.state();
    const outer = this.#base + version;
    this.#highest = Math.max(this.#highest, outer);
    return { version: outer, grants: this.isMasked ? NOTHING : grants, owners, lostNodes };
  }

  subscribe(listeners: {
    readonly onChange: () => void;
    readonly onExtended: (grants: ReadonlyMap<string, number>) => void;
  }): void {
    this.#unsubscribers.push(
      this.engine.onChange(listeners.onChange),
      this.engine.onExtended((grants) => {
        if (!this.isMasked) listeners.onExtended(grants);
      }),
    );
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribers) unsubscribe();
    await this.engine.stop();
  }

  #setMask(mask: 'none' | 'quiet' | 'end'): void {
    this.#mask = mask;
    this.#isClear = false;
    this.#maskedSinceMs = this.#clock.monotonicMs();
    this.#base = ++this.#highest;
  }
}
