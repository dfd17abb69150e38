// SPDX-License-Identifier: Apache-2.0
import type { Scheduler } from '../model/frontend.ts';
import { AffinityTable } from './affinity.ts';
import type { ProxyListener, ProxyTarget } from './listener.ts';
import { afterFailure, isOut, type PassiveHealth, SOUND } from './passive-health.ts';
import { createPicker, type Picker } from './picker.ts';
import type { TargetStats } from './plane.ts';

/** Why there is no target: there is none that has not been tried, or all have as many connections as they may have. */
export type NoTarget = 'none' | 'full';

interface Entry {
  readonly id: string;
  target: ProxyTarget;
  weight: number;
  open: number;
  served: number;
  failures: number;
  health: PassiveHealth;
}

/**
 * The targets of one listener: who gets the next connection, and what became of the earlier ones. No sockets; time is an
 * argument (monotonic milliseconds). Keeps turn, counts and health of targets that stay when the listener changes.
 */
export class TargetBook {
  /** By id: those of the listener, and those that were taken away while something runs over them. */
  readonly #entries = new Map<string, Entry>();
  /** Those of the listener, in its order. */
  #current: readonly Entry[] = [];
  #scheduler: Scheduler | undefined;
  #picker: Picker = createPicker('roundRobin');
  readonly #affinity = new AffinityTable();
  #affinityMs: number | undefined;
  #maxPerTarget = 0;

  constructor(listener: ProxyListener) {
    this.update(listener);
  }

  /** Takes over what the listener says now. */
  update({ targets, scheduler, affinitySeconds, options }: ProxyListener): void {
    this.#current = targets.map((target) => this.#entryOf(target));
    const ids = new Set(targets.map(({ id }) => id));
    for (const { id, open } of this.#entries.values()) {
      if (open === 0 && !ids.has(id)) this.#entries.delete(id);
    }
    if (scheduler !== this.#scheduler) this.#picker = createPicker(scheduler);
    this.#scheduler = scheduler;
    this.#picker.keep(ids);
    this.#affinityMs = affinitySeconds === undefined ? undefined : affinitySeconds * 1000;
    if (this.#affinityMs === undefined) this.#affinity.clear();
    else this.#affinity.keep(ids);
    this.#maxPerTarget = options.maxPerTarget;
  }

  /** Does it make a difference who connects? */
  get mindsClients(): boolean {
    const isByClient = this.#scheduler === 'sourceHash' || this.#scheduler === 'consistentHash';
    return isByClient || this.#affinityMs !== undefined;
  }

  /**
   * The target for a connection of this client, none of those that it `tried`. Those that failed lately come last: when all
   * did, they are worth a try. A client is not moved away from its usual target because that is full: it waits.
   */
  choose(client: string, tried: ReadonlySet<string>, nowMs: number): ProxyTarget | NoTarget {
    const willing = this.#current.filter(({ id, weight }) => weight > 0 && !tried.has(id));
    if (willing.length === 0) return 'none';
    const sound = willing.filter(({ health }) => !isOut(health, nowMs));
    const candidates = sound.length > 0 ? sound : willing;
    const usual = this.#usualOf(client, candidates, nowMs);
    if (usual !== undefined) return this.#isFull(usual) ? 'full' : usual.target;
    const free = candidates.filter((entry) => !this.#isFull(entry));
    return this.#picker.pick(free, client)?.target ?? 'full';
  }

  /** The target has one more connection of the client. To be followed by {@link closed}. */
  opened(id: string, client: string, nowMs: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.open += 1;
    this.#noteVisit(id, client, nowMs);
  }

  /** The target answered: whatever spoke against it is forgotten. */
  succeeded(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.served += 1;
    entry.health = SOUND;
  }

  /** The target refused, or did not answer, or broke off before its first byte. */
  failed(id: string, nowMs: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.failures += 1;
    entry.health = afterFailure(entry.health, nowMs);
  }

  /** What {@link opened} began is over. */
  closed(id: string, client: string, nowMs: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.open -= 1;
    if (this.#current.includes(entry)) this.#noteVisit(id, client, nowMs);
    else if (entry.open === 0) this.#entries.delete(id);
  }

  /** Does the listener still have this target? */
  has(id: string): boolean {
    return this.#current.some((entry) => entry.id === id);
  }

  /** By id, those over which something still runs included. */
  stats(nowMs: number): ReadonlyMap<string, TargetStats> {
    const statsOf = ({ served, failures, open, health }: Entry): TargetStats => {
      return { served, failures, open, isOut: isOut(health, nowMs) };
    };
    return new Map([...this.#entries].map(([id, entry]) => [id, statsOf(entry)]));
  }

  #entryOf(target: ProxyTarget): Entry {
    const { id, weight } = target;
    const known = this.#entries.get(id);
    if (known !== undefined) return Object.assign(known, { target, weight });
    const entry = { id, target, weight, open: 0, served: 0, failures: 0, health: SOUND };
    this.#entries.set(id, entry);
    return entry;
  }

  #usualOf(client: string, candidates: readonly Entry[], nowMs: number): Entry | undefined {
    if (this.#affinityMs === undefined) return undefined;
    const usual = this.#affinity.targetOf(client, nowMs);
    return usual === undefined ? undefined : candidates.find(({ id }) => id === usual);
  }

  #noteVisit(id: string, client: string, nowMs: number): void {
    // Nobody asked for the address of one that came before affinity was wanted.
    if (this.#affinityMs !== undefined && client !== '')
      this.#affinity.note(client, id, nowMs, this.#affinityMs);
  }

  #isFull({ open }: Entry): boolean {
    return this.#maxPerTarget > 0 && open >= this.#maxPerTarget;
  }
}
