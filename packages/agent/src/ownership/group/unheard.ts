// SPDX-License-Identifier: Apache-2.0
import type { GroupState } from '../raft/group-record.ts';
import type { RaftStatus } from '../raft-driver/raft-port.ts';

/** Datagrams between healthy agents flow ten times a second; starting and electing takes much less than this. */
const UNHEARD_AFTER_MS = 10_000;

/** Agents that the API has, and of which nothing is heard. */
export interface Unheard {
  /** Entered while we were listening, and never heard since. */
  readonly agents: readonly string[];
  /** Not one agent is heard, although there are others. */
  readonly isAlone: boolean;
}

const NONE: Unheard = { agents: [], isAlone: false };

/** Remembers when each agent entered itself. Pure: time is passed in. */
export class UnheardAgents {
  readonly #self: string;
  #entered: ReadonlyMap<string, { readonly instance: string; readonly sinceMs: number }> = new Map();

  constructor(self: string) {
    this.#self = self;
  }

  observe(members: GroupState['members'], nowMs: number): void {
    const before = this.#entered;
    this.#entered = new Map(
      [...members]
        .filter(([name, { endpoint }]) => name !== this.#self && endpoint !== '')
        .map(([name, { instance }]) => {
          const known = before.get(name);
          return [name, known?.instance === instance ? known : { instance, sinceMs: nowMs }];
        }),
    );
  }

  /**
   * Whom this agent should hear and does not: the sign of blocked datagrams. A plain member hears nobody but its coordinator,
   * so only a coordinator can tell of others; who hears nobody at all can tell of itself.
   */
  judge(status: RaftStatus | undefined, nowMs: number): Unheard {
    if (status === undefined || this.#entered.size === 0) return NONE;
    const { listeningSinceMs, lastHeardMs, rightUntilMs } = status;
    const quietMs = nowMs - UNHEARD_AFTER_MS;
    if (listeningSinceMs > quietMs) return NONE;
    const isAlone = [...this.#entered.keys()].every((name) => !(Number(lastHeardMs.get(name)) > quietMs));
    if (rightUntilMs === undefined) return { agents: [], isAlone };
    const agents = [...this.#entered].filter(
      ([name, { sinceMs }]) => sinceMs <= quietMs && !(Number(lastHeardMs.get(name)) >= sinceMs),
    );
    return { agents: agents.map(([name]) => name).sort(), isAlone };
  }
}
