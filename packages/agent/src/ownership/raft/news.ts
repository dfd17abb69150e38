// SPDX-License-Identifier: Apache-2.0
import { MAX_NEWS_PER_MESSAGE, type News, type NewsChange } from './messages.ts';

/** Most messages at a time to one member that has missed much. */
const MAX_MESSAGES = 4;

/** The coordinator's side: what all should know of owners and members, as numbered changes. */
export class NewsLog {
  /** Owner of address or state of member -> latest change. */
  readonly #latest = new Map<string, { readonly version: number; readonly change: NewsChange }>();
  /** Key of each change; the first one has version 1. */
  readonly #keys: string[] = [];

  get version(): number {
    return this.#keys.length;
  }

  /** False when that is no news. */
  setOwner(address: string, node: string): boolean {
    const known = this.#latest.get(`a${address}`)?.change;
    if (known === undefined ? node === '' : known.kind === 'owner' && known.node === node) return false;
    return this.#add(`a${address}`, { kind: 'owner', address, node });
  }

  /** `silentMs`: how long it had been silent, for one that is given up. */
  setMember(node: string, state: 'up' | 'lost' | 'left', silentMs = 0): boolean {
    const known = this.#latest.get(`m${node}`)?.change;
    if (known?.kind === 'member' && known.state === state) return false;
    return this.#add(`m${node}`, { kind: 'member', node, state, silentMs: wholeMs(silentMs) });
  }

  /** What somebody at `version` has to be told next; it asks again for the rest. */
  since(version: number): readonly News[] {
    const messages: News[] = [];
    let base = version <= this.version ? version : 0;
    while (base < this.version && messages.length < MAX_MESSAGES) {
      const news = this.#next(base);
      messages.push(news);
      base = news.version;
    }
    return messages;
  }

  #next(base: number): News {
    const changes: NewsChange[] = [];
    let version = base;
    while (version < this.#keys.length && changes.length < MAX_NEWS_PER_MESSAGE) {
      const latest = this.#latest.get(this.#keys[version] ?? '');
      version++;
      // Changes that were overtaken are left out: who has the later one does not miss them.
      if (latest?.version === version) changes.push(latest.change);
    }
    return { type: 'news', base, version, changes };
  }

  #add(key: string, change: NewsChange): true {
    this.#keys.push(key);
    this.#latest.set(key, { version: this.#keys.length, change });
    return true;
  }
}

/** As it travels: 16 bits. */
function wholeMs(ms: number): number {
  return Math.min(Math.max(Math.round(ms), 0), 0xffff);
}

/** The member's side. Kept when the coordinator changes, until the new one's first news. */
export class NewsView {
  readonly #owners = new Map<string, string>();
  readonly #members = new Map<string, 'up' | 'lost' | 'left'>();
  readonly #silences = new Map<string, number>();
  #version = 0;

  /** Version that we have of the present coordinator's news. */
  get version(): number {
    return this.#version;
  }

  /** Address -> node that owns it. */
  get owners(): ReadonlyMap<string, string> {
    return this.#owners;
  }

  get members(): ReadonlyMap<string, 'up' | 'lost' | 'left'> {
    return this.#members;
  }

  /** Member that was given up -> for how long it had been silent then; only where that was measured. */
  get silences(): ReadonlyMap<string, number> {
    return this.#silences;
  }

  /** Another coordinator: its versions are its own. */
  restart(): void {
    this.#version = 0;
  }

  /** False when that is old, or when something before it is missing. */
  take(news: News): boolean {
    if (news.base > this.#version || news.version <= this.#version) return false;
    if (news.base === 0 && this.#version === 0) {
      this.#owners.clear();
      this.#members.clear();
      this.#silences.clear();
    }
    this.#version = news.version;
    for (const change of news.changes) this.#apply(change);
    return true;
  }

  #apply(change: NewsChange): void {
    if (change.kind === 'member') {
      this.#members.set(change.node, change.state);
      if (change.silentMs > 0) this.#silences.set(change.node, change.silentMs);
      else this.#silences.delete(change.node);
    } else if (change.node === '') this.#owners.delete(change.address);
    else this.#owners.set(change.address, change.node);
  }
}
